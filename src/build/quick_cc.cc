#include "build/quick_cc.h"

#include "sys/files.h"

namespace kiln::build {
namespace {

constexpr size_t kMaxProgram = size_t{16} << 20;
constexpr unsigned kExecutable = 0755;

}  // namespace

bool IsGcc(std::string_view version) {
  const std::string_view name = version.substr(0, version.find(' '));  // "x86_64-linux-gnu-gcc-12".
  const size_t gcc = name.rfind("gcc");
  if (gcc == std::string_view::npos || (gcc > 0 && name[gcc - 1] != '-')) return false;
  return name.substr(gcc + 3).find_first_not_of("-.0123456789") == std::string_view::npos;
}

Result<std::string> FindQuickCc(const std::string& executable) {
  return sys::FindInstalled(executable, kQuickCc, kQuickCc, "../kiln-cc/kiln-cc");
}

Result<> PlaceQuickCc(const std::string& program, const std::string& folder) {
  const std::string bytes = KILN_TRY(sys::ReadFile(program, kMaxProgram));
  KILN_TRY(sys::MakeDirectories(folder));
  const std::string path = sys::JoinPath(folder, kQuickCc);
  // One that was a link, of an older kiln, is replaced too.
  if (!sys::ReadLink(path) && sys::ReadFile(path, kMaxProgram).value_or("") == bytes) return {};
  return sys::WriteFileAtomic(path, bytes, kExecutable);
}

Result<> PlaceQuickCc(const std::string& folder) {
  const std::string executable = KILN_TRY(sys::ReadLink("/proc/self/exe"));
  return PlaceQuickCc(KILN_TRY(FindQuickCc(executable)), folder);
}

}  // namespace kiln::build
