#include "build/quick_cc.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/strings.h"
#include "sys/files.h"
#include "sys/process.h"

namespace kiln::build {
namespace {

constexpr std::string_view kFlag = "-ftrack-macro-expansion=0";

bool Has(const std::vector<std::string>& argv, std::string_view word) {
  return std::ranges::find(argv, word) != argv.end();
}

// A stop is the compiler's business, which is told as well as we are and takes away what it was writing. Were
// we gone first, it would be killed.
class PatientOfStops {
 public:
  PatientOfStops() {
    for (size_t i = 0; i < kStops.size(); ++i) before_[i] = ::signal(kStops[i], SIG_IGN);
  }
  PatientOfStops(const PatientOfStops&) = delete;
  PatientOfStops& operator=(const PatientOfStops&) = delete;
  ~PatientOfStops() {
    for (size_t i = 0; i < kStops.size(); ++i) ::signal(kStops[i], before_[i]);
  }

 private:
  static constexpr std::array<int, 3> kStops = {SIGINT, SIGTERM, SIGHUP};
  std::array<sighandler_t, 3> before_{};
};

}  // namespace

bool IsGcc(std::string_view version) {
  const std::string_view name = version.substr(0, version.find(' '));  // "x86_64-linux-gnu-gcc-12".
  const size_t gcc = name.rfind("gcc");
  if (gcc == std::string_view::npos || (gcc > 0 && name[gcc - 1] != '-')) return false;
  return name.substr(gcc + 3).find_first_not_of("-.0123456789") == std::string_view::npos;
}

// Kbuild puts the file last. A compiler that reads its stdin can't be run twice.
bool CompilesOneFile(const std::vector<std::string>& argv) {
  return argv.size() > 2 && argv.back().ends_with(".c") && Has(argv, "-c") && !Has(argv, "-E") &&
         !Has(argv, "-S") && !Has(argv, "-");
}

Result<> PlaceQuickCc(const std::string& folder) {
  const std::string program = KILN_TRY(sys::ReadLink("/proc/self/exe"));
  if (!sys::IsRegularFile(program))
    return MakeError(ErrorCode::kNotFound, "{} was replaced while it runs", Printable(program));
  KILN_TRY(sys::MakeDirectories(folder));
  const std::string link = sys::JoinPath(folder, kQuickCc);
  if (const auto leads = sys::ReadLink(link); leads && *leads == program) return {};
  const std::string fresh = fmt::format("{}.{}", link, ::getpid());
  KILN_TRY(sys::RemoveTree(fresh));
  if (::symlink(program.c_str(), fresh.c_str()) != 0) return ErrnoError(errno, "make the link {}", fresh);
  return sys::Rename(fresh, link);
}

int RunQuickCc(const std::vector<std::string>& argv) {
  if (CompilesOneFile(argv)) {
    std::vector<std::string> quick = argv;
    quick.insert(quick.end() - 1, std::string(kFlag));
    const auto said = [&] {
      const PatientOfStops patient;
      return sys::SystemSpawner().Run({.argv = std::move(quick), .share_terminal = true}, {},
                                      {.timeout = std::nullopt});
    }();
    if (said && said->status.signal != 0) ::raise(said->status.signal);
    if (said && said->status.ok() && said->output.empty() && said->errors.empty()) return 0;
  }
  std::vector<char*> words;
  words.reserve(argv.size() + 1);
  for (const auto& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  if (!argv.empty()) ::execvp(words[0], words.data());
  const std::string text =
      fmt::format("{}: {}: {}\n", kQuickCc, argv.empty() ? "" : argv[0], std::strerror(errno));
  (void)!::write(STDERR_FILENO, text.data(), text.size());
  return 127;
}

}  // namespace kiln::build
