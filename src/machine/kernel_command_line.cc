#include "machine/kernel_command_line.h"

#include "base/check.h"
#include "base/strings.h"

namespace kiln::machine {
namespace {

void Append(std::vector<std::string>& words, std::initializer_list<std::string_view> more) {
  words.insert(words.end(), more.begin(), more.end());
}

void AppendX86(std::vector<std::string>& words, Accelerator accelerator, std::optional<uint32_t> tsc_khz) {
  // A panic before the serial driver is up is seen through the early console, which the driver takes over.
  Append(words, {"console=ttyS0", "earlycon=uart8250,io,0x3f8"});
  // QEMU's emulated TSC is the host's own, the same on every CPU; the kernel cannot know that and with two
  // CPUs would fall back to the HPET, whose reading costs twenty times more. Its check that the timer
  // interrupt works panics when the host is so busy that the guest misses ten ticks.
  if (accelerator == Accelerator::kTcg) Append(words, {"tsc=reliable", "no_timer_check"});
  // On a busy host the guest may measure the rate of its counter wrongly, and its time runs fast or slowly
  // from then on. (Older kernels than the word pass over it.)
  if (accelerator == Accelerator::kTcg && tsc_khz) words.push_back(TscWord(*tsc_khz));
  // A guest that is emulated on a busy host stands still for longer than its own watchdogs think a CPU may.
  if (accelerator == Accelerator::kTcg)
    Append(words, {"watchdog_thresh=30", "rcupdate.rcu_cpu_stall_timeout=60"});
}

}  // namespace

std::string TscWord(uint32_t khz) { return fmt::format("tsc_early_khz={}", khz); }

Result<std::vector<std::string>> SplitCommandLine(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  bool quoted = false;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool blank = c == ' ' || c == '\t' || c == '\n' || c == '\r';
    if (!quoted && blank) {
      if (!word.empty()) words.push_back(std::move(word));
      word.clear();
      continue;
    }
    if (byte < 0x20 || byte == 0x7f)
      return MakeError(ErrorCode::kInvalidArgument, "the kernel command line \"{}\" holds a control byte",
                       Printable(text));
    if (c == '"') quoted = !quoted;
    word += c;
  }
  if (quoted)
    return MakeError(ErrorCode::kInvalidArgument,
                     "the kernel command line \"{}\" opens a quote and never closes it", Printable(text));
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

Result<std::vector<std::string>> KernelCommandLine(const Machine& machine,
                                                   const CommandLineOptions& options) {
  std::vector<std::string> words;
  // Before the early console, which on its start prints what the level of that moment lets through.
  switch (options.verbosity) {
    case CommandLineOptions::Verbosity::kNormal:
      Append(words, {"loglevel=5"});
      break;
    case CommandLineOptions::Verbosity::kVerbose:
      Append(words, {"ignore_loglevel"});
      break;
  }
  switch (machine.arch) {
    case Arch::kX86_64:
      AppendX86(words, machine.accelerator, options.tsc_khz);
      break;
  }
  // The tests that each built-in cipher runs on itself: a seventh of an emulated boot.
  Append(words, {"cryptomgr.notests"});
  if (options.on_panic == CommandLineOptions::OnPanic::kExit)
    Append(words, {"panic=-1"});
  else
    Append(words, {"panic=0"});
  if (!options.kaslr) Append(words, {"nokaslr"});
  for (const std::string& extra : options.extra) {
    std::vector<std::string> more = KILN_TRY(SplitCommandLine(extra));
    words.insert(words.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  }
  return words;
}

}  // namespace kiln::machine
