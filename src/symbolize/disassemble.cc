#include "symbolize/disassemble.h"

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "symbolize/capstone.h"

namespace kiln::symbolize {
namespace {

constexpr size_t kMaxBytes = 512;

struct Mode {
  Machine machine;
  cs_arch arch;
  unsigned mode;
  bool fixed_length;
};

constexpr Mode kModes[] = {
    {Machine::kX86_64, CS_ARCH_X86, CS_MODE_64, false},
    {Machine::kX86, CS_ARCH_X86, CS_MODE_32, false},
    {Machine::kArm64, CS_ARCH_ARM64, CS_MODE_LITTLE_ENDIAN, true},
    {Machine::kArm, CS_ARCH_ARM, CS_MODE_ARM, true},
    {Machine::kMips, CS_ARCH_MIPS, CS_MODE_MIPS64, true},
    {Machine::kMipsBig, CS_ARCH_MIPS, CS_MODE_MIPS64 | static_cast<unsigned>(CS_MODE_BIG_ENDIAN), true},
    {Machine::kPpc64, CS_ARCH_PPC, CS_MODE_64, true},
    {Machine::kPpc64Big, CS_ARCH_PPC, CS_MODE_64 | static_cast<unsigned>(CS_MODE_BIG_ENDIAN), true},
#if CS_API_MAJOR >= 5
    {Machine::kRiscv64, CS_ARCH_RISCV, CS_MODE_RISCV64 | CS_MODE_RISCVC, false},
#endif
};

struct Decoded {
  uint64_t address = 0;
  std::string bytes;
  std::string mnemonic;
  std::string operands;
  size_t size = 0;
};

/// One open capstone.
class Engine {
 public:
  static Result<Engine> Open(Machine machine) {
    const auto* mode = std::ranges::find(kModes, machine, &Mode::machine);
    if (mode == std::end(kModes))
      return MakeError(ErrorCode::kUnsupported, "this build's capstone ({}.{}) does not know this machine",
                       CS_API_MAJOR, CS_API_MINOR);
    Engine engine;
    engine.lib_ = KILN_TRY(detail::LoadCapstone());
    engine.fixed_length_ = mode->fixed_length;
    if (engine.lib_.cs_open(mode->arch, static_cast<cs_mode>(mode->mode), &engine.handle_) != CS_ERR_OK)
      return MakeError(ErrorCode::kUnsupported, "the installed capstone does not know this machine");
    return engine;
  }
  Engine(Engine&& other) noexcept
      : lib_(other.lib_), handle_(std::exchange(other.handle_, 0)), fixed_length_(other.fixed_length_) {}
  Engine& operator=(Engine&&) = delete;
  ~Engine() {
    if (handle_ != 0) lib_.cs_close(&handle_);
  }

  bool fixed_length() const { return fixed_length_; }
  /// Up to `most` instructions; ends at bytes that are none.
  std::vector<Decoded> Read(const uint8_t* bytes, size_t size, uint64_t address, size_t most) const {
    std::vector<Decoded> out;
    if (size == 0 || most == 0) return out;
    cs_insn* found = nullptr;
    const size_t count = lib_.cs_disasm(handle_, bytes, size, address, most, &found);
    for (size_t i = 0; i < count; ++i) {
      Decoded one{.address = found[i].address,
                  .bytes = {},
                  .mnemonic = found[i].mnemonic,
                  .operands = found[i].op_str,
                  .size = found[i].size};
      for (size_t k = 0; k < one.size && k < sizeof(found[i].bytes); ++k)
        one.bytes += fmt::format("{}{:02x}", k == 0 ? "" : " ", found[i].bytes[k]);
      out.push_back(std::move(one));
    }
    if (count > 0) lib_.cs_free(found, count);
    return out;
  }

 private:
  Engine() = default;
  detail::Capstone lib_;
  csh handle_ = 0;
  bool fixed_length_ = true;
};

// The instructions of bytes[start, here) when they end there exactly.
std::optional<std::vector<Decoded>> LeadsTo(const Engine& engine, const CodeBytes& code, size_t start,
                                            uint64_t here_address) {
  const size_t size = code.here - start;
  auto read = engine.Read(code.bytes.data() + start, size, here_address - size, size);
  size_t length = 0;
  for (const Decoded& one : read) length += one.size;
  if (length != size) return std::nullopt;
  return read;
}

// x86 finds back into step after a few instructions wherever one begins: the reading that agrees most with
// the others is the true one.
std::vector<Decoded> Before(const Engine& engine, const CodeBytes& code, const DisassembleOptions& options) {
  if (code.here == 0) return {};
  if (options.function_start && *options.function_start <= options.address) {
    const uint64_t into = options.address - *options.function_start;
    if (into <= code.here) {
      if (auto read = LeadsTo(engine, code, code.here - static_cast<size_t>(into), options.address))
        return *read;
    }
  }
  constexpr size_t kStarts = 16;
  constexpr double kFewReadings = 3;
  constexpr double kDoubtful = 0.4;  // Where fewer of the readings agree, what is shown is rather not so.
  std::vector<std::vector<Decoded>> readings;
  std::vector<double> votes(code.here + 1, 0);     // Readings that have an instruction there,
  std::vector<double> possible(code.here + 1, 0);  // of those that begin there or before.
  const auto place = [&](const Decoded& one) {
    return code.here - static_cast<size_t>(options.address - one.address);
  };
  const size_t last = engine.fixed_length() ? 1 : std::min(kStarts, code.here);
  for (size_t start = 0; start < last; ++start) {
    auto read = LeadsTo(engine, code, start, options.address);
    if (!read) continue;
    for (size_t at = start; at < code.here; ++at) ++possible[at];
    for (const Decoded& one : *read) ++votes[place(one)];
    readings.push_back(*std::move(read));
  }
  std::vector<Decoded> best;
  double best_score = 0;
  for (const auto& reading : readings) {
    double score = 0;
    for (size_t i = reading.size(); i-- > 0;) {
      const size_t at = place(reading[i]);
      if (engine.fixed_length())
        score += 1;
      else if (possible[at] >= kFewReadings)
        score += votes[at] / possible[at] - kDoubtful;
      if (score <= best_score) continue;
      best_score = score;
      best.assign(reading.begin() + static_cast<long>(i), reading.end());
    }
  }
  if (best.empty() && !readings.empty()) best = readings.front();
  return best;
}

// Where a jump or call goes: the last operand, when it is a plain number.
std::optional<uint64_t> TargetOf(const Decoded& one, Machine machine) {
  const std::string_view name = one.mnemonic;
  const bool is_x86 = machine == Machine::kX86_64 || machine == Machine::kX86;
  const bool branches = is_x86 ? name.starts_with('j') || name == "call" || name.starts_with("loop")
                               : name.starts_with('b') || name.starts_with("cb") || name.starts_with("tb") ||
                                     name.starts_with('j');
  if (!branches) return std::nullopt;
  std::string_view last = one.operands;
  if (const size_t comma = last.rfind(','); comma != std::string_view::npos) last.remove_prefix(comma + 1);
  last = Trim(last);
  ConsumePrefix(last, "#");
  if (!ConsumePrefix(last, "0x")) return std::nullopt;
  return ParseUnsigned(last, 16);
}

}  // namespace

std::optional<CodeBytes> ReadCodeBytes(std::string_view code, bool little_endian) {
  CodeBytes out;
  bool found_here = false;
  size_t digits = 0;
  for (std::string_view word : SplitBlank(code)) {
    const bool marked =
        (word.starts_with('<') && word.ends_with('>')) || (word.starts_with('(') && word.ends_with(')'));
    if (marked) word = word.substr(1, word.size() - 2);
    if (digits == 0) digits = word.size();
    const auto value = ParseUnsigned(word, 16);
    // A word of another length or kind: "Bad RIP value.", or a cut line.
    if (!value || word.size() != digits || (digits != 2 && digits != 4 && digits != 8)) break;
    if (out.bytes.size() + digits / 2 > kMaxBytes) break;
    if (marked && !found_here) {
      found_here = true;
      out.here = out.bytes.size();
    }
    for (size_t i = 0; i < digits / 2; ++i) {
      const size_t shift = little_endian ? i : digits / 2 - 1 - i;
      out.bytes.push_back(static_cast<uint8_t>(*value >> (8 * shift)));
    }
  }
  if (!found_here || out.bytes.empty()) return std::nullopt;
  out.unit = static_cast<unsigned>(digits / 2);
  return out;
}

Machine MachineOf(const crash::Report& report) {
  const auto has = [&](std::string_view name) {
    return std::ranges::any_of(report.registers, [&](const auto& one) { return one.name == name; });
  };
  if (has("RAX") || has("RSP") || has("R15")) return Machine::kX86_64;
  if (has("EAX") || has("ESP")) return Machine::kX86;
  if (has("x29") || has("x0")) return Machine::kArm64;
  if (has("r0") && has("fp")) return Machine::kArm;
  if (has("gp") && has("tp")) return Machine::kRiscv64;
  // Two digits a word are x86 alone.
  const auto code = ReadCodeBytes(report.code);
  return code && code->unit == 1 ? Machine::kX86_64 : Machine::kUnknown;
}

Machine MachineOf(uint16_t elf_machine, bool is_64bit, bool little_endian) {
  switch (elf_machine) {
    case 3:
      return Machine::kX86;
    case 62:
      return Machine::kX86_64;
    case 183:
      return Machine::kArm64;
    case 40:
      return Machine::kArm;
    case 8:
      return little_endian ? Machine::kMips : Machine::kMipsBig;
    case 21:
      return little_endian ? Machine::kPpc64 : Machine::kPpc64Big;
    case 243:
      return is_64bit ? Machine::kRiscv64 : Machine::kUnknown;
    default:
      return Machine::kUnknown;
  }
}

Result<std::vector<crash::Instruction>> Disassemble(const CodeBytes& code,
                                                    const DisassembleOptions& options) {
  if (code.here >= code.bytes.size())
    return MakeError(ErrorCode::kInvalidArgument, "no byte is marked as the one that the CPU was at");
  const Engine engine = KILN_TRY(Engine::Open(options.machine));
  std::vector<Decoded> all = Before(engine, code, options);
  if (all.size() > options.before) all.erase(all.begin(), all.end() - static_cast<long>(options.before));
  const size_t marked = all.size();
  for (Decoded& one : engine.Read(code.bytes.data() + code.here, code.bytes.size() - code.here,
                                  options.address, options.after + 1))
    all.push_back(std::move(one));
  std::vector<crash::Instruction> out;
  std::string last_source;
  for (size_t i = 0; i < all.size(); ++i) {
    const Decoded& one = all[i];
    crash::Instruction shown{.address = one.address, .bytes = one.bytes, .text = one.mnemonic};
    if (!one.operands.empty()) shown.text += " " + one.operands;
    shown.is_here = i == marked;
    if (const auto target = TargetOf(one, options.machine); target && options.name)
      shown.target = options.name(*target);
    if (options.source) {
      std::string source = options.source(one.address);
      if (source != last_source || shown.is_here) shown.source = source;
      last_source = std::move(source);
    }
    out.push_back(std::move(shown));
  }
  if (marked == out.size()) {
    out.push_back({.address = options.address,
                   .bytes = fmt::format("{:02x}", code.bytes[code.here]),
                   .text = "(no instruction)",
                   .is_here = true});
  }
  return out;
}

}  // namespace kiln::symbolize
