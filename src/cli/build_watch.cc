#include <unistd.h>

#include <algorithm>
#include <optional>

#include "base/strings.h"
#include "build/source_tree.h"
#include "build/watch.h"
#include "cli/build_printer.h"
#include "cli/build_request.h"
#include "sys/stop_signals.h"

namespace kiln::cli {
namespace {

constexpr Duration kQuiet = std::chrono::milliseconds(300);
constexpr Duration kGrace = std::chrono::seconds(5);

std::string Said(const std::vector<std::string>& names) {
  constexpr size_t kShown = 3;
  const std::vector<std::string> first(names.begin(),
                                       names.begin() + static_cast<long>(std::min(kShown, names.size())));
  std::string text = Join(first, ", ");
  if (names.size() > kShown) text += fmt::format(" and {} more", names.size() - kShown);
  return text.empty() ? "many files" : text;
}

// What goes on between two builds: the command runs, and files are saved.
class Pause {
 public:
  Pause(Context& context, sys::Loop& loop) : context_(context), loop_(loop) {}

  // Before the build, so that what is saved during it counts too.
  Result<> WatchTree(const std::string& tree) {
    debouncer_.emplace(loop_, kQuiet, [this] { settled_ = true; });
    watcher_ = KILN_TRY(build::TreeWatcher::Create(loop_, tree, [this](const std::string& path) {
      if (!path.empty() && std::ranges::find(names_, path) == names_.end() && names_.size() < 100)
        names_.push_back(path);
      debouncer_->Touch();
    }));
    return {};
  }

  // Until something was saved (true) or the user wants no more.
  Result<bool> Wait(const std::vector<std::string>& command) {
    bool stopping = false;
    const auto signals = KILN_TRY(sys::StopSignals::Create(loop_));
    signals->Listen([&](int) { stopping = true; });
    if (command.empty())
      TellWaiting();
    else
      KILN_TRY(Start(command));
    (void)KILN_TRY(loop_.RunUntil([&] { return settled_ || stopping; }));
    watch_.Reset();
    if (child_ && !child_->Poll()) (void)child_->Stop(kGrace);
    child_.reset();
    if (stopping) return false;
    context_.terminal.PrintError(fmt::format("kiln: {} changed\n", Printable(Said(names_))));
    settled_ = false;
    names_.clear();
    return true;
  }

 private:
  Result<> Start(const std::vector<std::string>& command) {
    auto child = spawner_.Spawn(
        {.argv = command,
         .environment = {},
         .directory = context_.current,
         .descriptors = {{0, STDIN_FILENO}, {1, context_.terminal.output()}, {2, context_.terminal.errors()}},
         .share_terminal = true});
    if (!child) return std::move(child).error().Context("running the command");
    child_ = *std::move(child);
    watch_ = KILN_TRY(loop_.Watch(child_->pidfd(), EPOLLIN, [this](uint32_t) {
      watch_.Reset();
      const auto status = child_->Poll();
      if (status && !status->ok())
        context_.terminal.PrintError(fmt::format("kiln: the command ended: {}\n", status->Text()));
      TellWaiting();
    }));
    return {};
  }
  void TellWaiting() { context_.terminal.PrintError("kiln: waiting for a file to be saved (Ctrl-C ends)\n"); }

  Context& context_;
  sys::Loop& loop_;
  sys::SystemSpawner spawner_;
  std::optional<build::Debouncer> debouncer_;
  std::unique_ptr<build::TreeWatcher> watcher_;
  std::optional<sys::Child> child_;
  sys::Loop::Handle watch_;
  std::vector<std::string> names_;
  bool settled_ = false;
};

}  // namespace

Result<int> WatchAndBuild(Context& context, const build::Request& request, bool quiet,
                          const std::vector<std::string>& command) {
  if (!request.commit.empty())
    return Error(ErrorCode::kInvalidArgument, "--watch and --commit were both given")
        .Hint("a commit does not change; leave one out");
  const auto tree = request.tree.empty() ? KILN_TRY(build::FindSource(request.current))
                                         : KILN_TRY(build::LookAtSource(request.tree));
  const auto loop = KILN_TRY(sys::Loop::Create(context.clock));
  Pause pause(context, *loop);
  KILN_TRY(pause.WatchTree(tree.path));
  for (;;) {
    Duration took{};
    const auto outcome = RunBuild(context, request, quiet, took);
    bool works = false;
    if (!outcome) {
      context.terminal.PrintError("kiln: " + Printable(outcome.error().TextWithHint()) + "\n");
      if (outcome.error().code() == ErrorCode::kInvalidArgument) return 2;
    } else {
      context.terminal.PrintError(BuildText(*outcome, took, context.terminal));
      if (outcome->failure && outcome->failure->interrupted) return 130;
      works = !outcome->failure;
    }
    if (!KILN_TRY(pause.Wait(works ? command : std::vector<std::string>()))) return 130;
  }
}

}  // namespace kiln::cli
