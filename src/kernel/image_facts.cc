#include <algorithm>

#include "base/strings.h"
#include "kernel/image_cache.h"

namespace kiln::kernel {
namespace {

constexpr std::string_view kMagic = "kiln image facts 1";
constexpr std::string_view kEnd = "end\n";
constexpr size_t kLongestIkconfig = 1U << 20;

std::string OneLine(std::string_view text) {
  std::string out(text);
  std::replace(out.begin(), out.end(), '\n', ' ');
  return out;
}

std::optional<std::string_view> TakeLine(std::string_view& text, std::string_view key) {
  const size_t end = text.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  if (!ConsumePrefix(line, key) || !ConsumePrefix(line, " ")) return std::nullopt;
  return line;
}

}  // namespace

std::string SerializeFacts(const ImageFacts& facts) {
  std::string out =
      fmt::format("{}\nkind {}\narch {}\nrelease {}\nbanner {}\nbuild-id {}\npvh {}\nconfig {}\n", kMagic,
                  facts.kind == ImageKind::kVmlinux ? "vmlinux" : "bzimage", facts.arch,
                  OneLine(facts.release), OneLine(facts.banner), facts.build_id, facts.pvh ? 1 : 0,
                  facts.config ? fmt::format("{}", facts.config->size()) : "none");
  if (facts.config) out += *facts.config;
  out += kEnd;
  return out;
}

std::optional<ImageFacts> ParseFacts(std::string_view text) {
  if (!ConsumePrefix(text, kMagic) || !ConsumePrefix(text, "\n") || !ConsumeSuffix(text, kEnd))
    return std::nullopt;
  const auto kind = TakeLine(text, "kind");
  const auto arch = TakeLine(text, "arch");
  const auto release = TakeLine(text, "release");
  const auto banner = TakeLine(text, "banner");
  const auto build_id = TakeLine(text, "build-id");
  const auto pvh = TakeLine(text, "pvh");
  const auto config = TakeLine(text, "config");
  if (!kind || !arch || !release || !banner || !build_id || !pvh || !config) return std::nullopt;
  if (*kind != "vmlinux" && *kind != "bzimage") return std::nullopt;
  ImageFacts facts;
  facts.kind = *kind == "vmlinux" ? ImageKind::kVmlinux : ImageKind::kBzImage;
  facts.arch = *arch;
  facts.release = *release;
  facts.banner = *banner;
  facts.build_id = *build_id;
  facts.pvh = *pvh == "1";
  if (*config == "none") return text.empty() ? std::optional(facts) : std::nullopt;
  if (ParseUnsigned(*config) != text.size()) return std::nullopt;
  facts.config = text;
  return facts;
}

Result<ImageFacts> FactsOfElf(const elf::Source& source) {
  const elf::Headers headers = KILN_TRY(elf::ReadHeaders(source));
  if (headers.machine != elf::kMachineX86_64 && headers.machine != elf::kMachineI386)
    return MakeError(ErrorCode::kUnsupported, "it is an ELF file for {}; only x86-64 kernels can be booted",
                     elf::MachineName(headers.machine));
  const std::vector<elf::Note> notes = KILN_TRY(elf::ReadNotes(source, headers));
  ImageFacts facts;
  facts.kind = ImageKind::kVmlinux;
  facts.arch = headers.machine == elf::kMachineX86_64 ? "x86_64" : "i386";
  facts.build_id = elf::BuildId(notes).value_or("");
  facts.pvh = elf::PvhEntry(notes, headers).has_value();
  // One pass for both: the banner and the config lie somewhere in the read-only data.
  std::optional<std::string> banner;
  KILN_TRY(elf::ScanLoaded(source, headers, kLongestIkconfig, [&](std::string_view bytes, size_t fresh) {
    if (!banner) banner = elf::FindLinuxBanner(bytes, fresh);
    if (!facts.config) facts.config = FindIkconfig(bytes, fresh);
    return !banner || !facts.config;
  }));
  if (!banner)
    return MakeError(ErrorCode::kInvalidArgument,
                     "it is an ELF file but not a Linux kernel: no \"Linux version\" is in what it loads");
  facts.banner = *banner;
  facts.release = elf::ReleaseOfBanner(*banner).value_or("");
  return facts;
}

}  // namespace kiln::kernel
