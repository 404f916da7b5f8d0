#include "symbolize/decoder.h"

#include <fcntl.h>

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "elf/debug_reader.h"
#include "elf/unit_table.h"
#include "sys/files.h"
#include "sys/reader.h"

namespace kiln::symbolize {
namespace {

// Above the file itself, which is mapped.
constexpr uint64_t kMemory = uint64_t{4} << 30;
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
  std::vector<std::string> argv = program_;
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return sys::ReadInChild(spawner_, std::move(argv), path, {.timeout = limit_, .output_bytes = kMostOutput});
}

Result<std::string> RunDecoder(const std::vector<std::string>& arguments) {
  if (arguments.size() < 2) return MakeError(ErrorCode::kInvalidArgument, "nothing to decode");
  const std::string& path = arguments[1];
  const auto identity = KILN_TRY(sys::Identify(path));
  // Its size may be anything a file system believes.
  sys::LimitReader(kMemory + std::min<uint64_t>(identity.size, uint64_t{1} << 40));
  DirectDecoder decoder;
  if (arguments[0] == "index") return decoder.Index(path);
  std::vector<uint64_t> units;
  for (size_t i = 2; i < arguments.size(); ++i) {
    if (const auto unit = ParseUnsigned(arguments[i])) units.push_back(*unit);
  }
  return decoder.Units(path, units);
}

}  // namespace kiln::symbolize
