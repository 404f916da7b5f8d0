#include "symbolize/decoder.h"

#include <fcntl.h>
#include <sys/resource.h>

#include <algorithm>

#include "base/strings.h"
#include "elf/debug_reader.h"
#include "elf/unit_table.h"
#include "sys/files.h"

namespace kiln::symbolize {
namespace {

// Above the file itself, which is mapped.
constexpr uint64_t kMemory = uint64_t{4} << 30;
#ifdef KILN_SANITIZED
constexpr bool kLimitsMemory = false;  // Sanitizers reserve terabytes of addresses.
#else
constexpr bool kLimitsMemory = true;
#endif
constexpr size_t kMostOutput = size_t{1} << 30;
// An argument vector holds this many with ease.
constexpr size_t kUnitsAtOnce = 4'000;

Result<elf::DebugReader> OpenReader(const std::string& path) {
  sys::Fd file = KILN_TRY(sys::Open(path, O_RDONLY | O_NONBLOCK));
  return elf::DebugReader::Open(std::move(file), path);
}

}  // namespace

Result<std::string> DirectDecoder::Index(const std::string& path) {
  auto reader = KILN_TRY(OpenReader(path));
  return reader.BuildIndex();
}

Result<std::string> DirectDecoder::Units(const std::string& path, const std::vector<uint64_t>& units) {
  auto reader = KILN_TRY(OpenReader(path));
  std::vector<std::string> bytes;
  std::vector<std::pair<uint64_t, std::string_view>> tables;
  bytes.reserve(units.size());
  for (const uint64_t unit : units) {
    auto table = reader.DecodeUnit(unit);
    if (!table) continue;
    bytes.push_back(*std::move(table));
    tables.emplace_back(unit, bytes.back());
  }
  return elf::PackUnits(tables);
}

Result<std::string> ChildDecoder::Index(const std::string& path) { return Run({"index", path}, path); }

Result<std::string> ChildDecoder::Units(const std::string& path, const std::vector<uint64_t>& units) {
  std::vector<std::string> arguments = {"units", path};
  for (size_t i = 0; i < std::min(units.size(), kUnitsAtOnce); ++i)
    arguments.push_back(fmt::to_string(units[i]));
  return Run(arguments, path);
}

Result<std::string> ChildDecoder::Run(const std::vector<std::string>& arguments, const std::string& path) {
  sys::Command command{.argv = program_};
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  auto ran = spawner_.Run(command, {}, {.timeout = limit_, .output_bytes = kMostOutput});
  if (!ran) return std::move(ran).error().Context("reading the symbols of " + Printable(path));
  if (ran->status.ok()) return std::move(ran->output);
  if (ran->status.signal != 0)
    return MakeError(ErrorCode::kCorrupt,
                     "{} cannot be read: what reads its symbols was {}; the file is damaged or was cut short",
                     Printable(path), ran->status.Text())
        .Hint("get or build the file again");
  const auto lines = SplitLines(ran->errors);
  Error error(ErrorCode::kCorrupt,
              lines.empty() ? fmt::format("{} cannot be read", Printable(path)) : std::string(lines[0]));
  return lines.size() > 1 ? Error(std::move(error).Hint(std::string(lines[1]))) : error;
}

Result<std::string> RunDecoder(const std::vector<std::string>& arguments) {
  if (arguments.size() < 2) return MakeError(ErrorCode::kInvalidArgument, "nothing to decode");
  const std::string& path = arguments[1];
  const auto identity = KILN_TRY(sys::Identify(path));
  // Its size may be anything a file system believes.
  const rlim_t memory = kMemory + std::min<uint64_t>(identity.size, uint64_t{1} << 40);
  const rlimit limit{.rlim_cur = memory, .rlim_max = memory};
  if (kLimitsMemory) (void)::setrlimit(RLIMIT_AS, &limit);
  const rlimit no_core{.rlim_cur = 0, .rlim_max = 0};
  (void)::setrlimit(RLIMIT_CORE, &no_core);
  DirectDecoder decoder;
  if (arguments[0] == "index") return decoder.Index(path);
  std::vector<uint64_t> units;
  for (size_t i = 2; i < arguments.size(); ++i) {
    if (const auto unit = ParseUnsigned(arguments[i])) units.push_back(*unit);
  }
  return decoder.Units(path, units);
}

}  // namespace kiln::symbolize
