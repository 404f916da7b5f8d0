#include "symbolize/log_facts.h"

#include "base/strings.h"
#include "elf/headers.h"

namespace kiln::symbolize {
namespace {

// "#13" of "6.1.0 #13 SMP ..."; empty when there is none.
std::string_view BuildNumber(std::string_view text) {
  for (const std::string_view word : SplitBlank(text)) {
    if (word.size() > 1 && word[0] == '#' &&
        word.find_first_not_of("0123456789", 1) == std::string_view::npos)
      return word;
  }
  return {};
}

// A console may cut a long line: what is there counts.
bool SameBanner(std::string_view seen, std::string_view whole) {
  return seen == whole || (seen.size() > 60 && whole.starts_with(seen));
}

}  // namespace

void LogFacts::Read(std::string_view line) {
  if (const size_t at = line.find("Linux version "); at != std::string_view::npos) {
    const std::string_view text = Trim(line.substr(at));
    if (elf::ReleaseOfBanner(text)) {
      banner = text;
      kernel_offset.reset();
    }
    return;
  }
  constexpr std::string_view kOffset = "Kernel Offset: ";
  const size_t at = line.find(kOffset);
  if (at == std::string_view::npos) return;
  std::string_view text = line.substr(at + kOffset.size());
  if (text.starts_with("disabled")) kernel_offset = 0;
  if (!ConsumePrefix(text, "0x")) return;
  if (const auto value = ParseUnsigned(text.substr(0, text.find(' ')), 16)) kernel_offset = value;
}

std::string ReleaseOf(const LogFacts& facts, std::string_view kernel) {
  const auto words = SplitBlank(kernel);
  if (!words.empty()) return std::string(words[0]);
  return elf::ReleaseOfBanner(facts.banner).value_or("");
}

std::string KernelMismatch(const LogFacts& facts, std::string_view kernel, std::string_view build_id,
                           const elf::ObjectFacts& object) {
  if (!build_id.empty() && !object.build_id.empty()) {
    if (build_id == object.build_id) return {};
    return fmt::format("the log is of the build {}, the file of {}", Printable(build_id),
                       Printable(object.build_id));
  }
  if (object.banner.empty()) return {};
  const std::string of_file = elf::ReleaseOfBanner(object.banner).value_or("");
  const std::string of_log = ReleaseOf(facts, kernel);
  if (!of_log.empty() && !of_file.empty() && of_log != of_file)
    return fmt::format("the log is of {}, the file of {}", Printable(of_log), Printable(of_file));
  const auto told = [&](std::string_view log_says) {
    return fmt::format("the log is of \"{}\", the file of \"{}\"", Printable(Trim(log_says)),
                       Printable(object.banner));
  };
  if (!facts.banner.empty() && elf::ReleaseOfBanner(facts.banner) == of_file)
    return SameBanner(facts.banner, object.banner) ? std::string() : told(facts.banner);
  const std::string_view number = BuildNumber(kernel);
  const std::string_view file_number = BuildNumber(object.banner);
  if (!number.empty() && !file_number.empty() && number != file_number) return told(kernel);
  return {};
}

}  // namespace kiln::symbolize
