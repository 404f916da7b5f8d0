#include "sys/reader.h"

#include <sys/resource.h>

#include <utility>

#include "base/strings.h"

namespace kiln::sys {
namespace {

#ifdef KILN_SANITIZED
constexpr bool kLimitsMemory = false;  // Sanitizers reserve terabytes of addresses.
#else
constexpr bool kLimitsMemory = true;
#endif

}  // namespace

Result<std::string> ReadInChild(Spawner& spawner, std::vector<std::string> argv, std::string_view file,
                                const RunLimits& limits) {
  auto ran = KILN_TRY(spawner.Run({.argv = std::move(argv)}, {}, limits), "reading {}", Printable(file));
  if (ran.status.ok()) return std::move(ran.output);
  if (ran.status.signal != 0)
    return MakeError(ErrorCode::kCorrupt,
                     "{} cannot be read: what reads it was {}; the file is damaged or was cut short",
                     Printable(file), ran.status.Text())
        .Hint("get or build the file again");
  const auto lines = SplitLines(ran.errors);
  const auto code = lines.size() < 2 ? std::nullopt : ErrorCodeNamed(lines[0]);
  if (!code)
    return MakeError(ErrorCode::kCorrupt, "{} cannot be read: what reads it ended with {}", Printable(file),
                     ran.status.Text());
  return Error(*code, std::string(lines[1])).Hint(lines.size() > 2 ? std::string(lines[2]) : std::string());
}

void LimitReader(uint64_t memory) {
  const rlimit limit{.rlim_cur = memory, .rlim_max = memory};
  if (kLimitsMemory) (void)::setrlimit(RLIMIT_AS, &limit);
  const rlimit no_core{.rlim_cur = 0, .rlim_max = 0};
  (void)::setrlimit(RLIMIT_CORE, &no_core);
}

std::string AsReaderError(const Error& error) {
  return fmt::format("{}\n{}\n{}\n", Name(error.code()), error.Text(), error.hint());
}

}  // namespace kiln::sys
