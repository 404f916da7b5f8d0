#include "build/make_run.h"

#include <fcntl.h>
#include <signal.h>

#include <memory>

#include "base/strings.h"
#include "sys/fd.h"
#include "sys/stop_signals.h"
#include "sys/stream.h"

namespace kiln::build {
namespace {

constexpr Duration kGrace = std::chrono::seconds(20);
// A process that make left behind may hold the pipe open.
constexpr Duration kLastWords = std::chrono::seconds(2);

// The full log. That it can't be written any more stops nobody from building; it is told once.
class LogFile {
 public:
  LogFile(const std::string& path, Observer& observer) : observer_(observer), path_(path) {
    auto fd = sys::Open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (fd) fd_ = std::move(*fd);
  }
  void Write(std::string_view bytes) {
    if (!fd_) return;
    const auto written = sys::WriteAll(fd_.get(), bytes);
    if (written) return;
    observer_.OnNote(fmt::format("the log {} is not whole: {}", path_, written.error().Text()));
    fd_.Reset();
  }

 private:
  Observer& observer_;
  std::string path_;
  sys::Fd fd_;
};

}  // namespace

Result<MakeRun> RunMake(const sys::Command& command, const std::string& log, size_t expected, sys::Loop& loop,
                        sys::Spawner& spawner, Observer& observer) {
  MakeRun run;
  int stops = 0;
  const auto signals = KILN_TRY(sys::StopSignals::Create(loop));
  signals->Listen([&](int) { ++stops; });
  LogFile file(log, observer);
  file.Write(fmt::format("$ {}\n", ShellJoin(command.argv)));

  auto pipe = KILN_TRY(sys::Pipe());
  sys::Command with_pipe = command;
  with_pipe.descriptors.emplace_back(1, pipe.write.get());
  with_pipe.descriptors.emplace_back(2, pipe.write.get());
  auto child = KILN_TRY(spawner.Spawn(with_pipe), "starting {}", command.argv[0]);
  pipe.write.Reset();

  bool closed = false;
  size_t told = 0;
  const auto stream =
      KILN_TRY(sys::Stream::Create(loop, std::move(pipe.read),
                                   {.bytes =
                                        [&](std::string_view bytes) {
                                          file.Write(bytes);
                                          run.output.Feed(bytes);
                                          if (run.output.made() == told) return;
                                          told = run.output.made();
                                          observer.OnStep(told, expected, run.output.current());
                                        },
                                    .closed = [&](std::string_view) { closed = true; },
                                    .drained = {}}));
  bool ended = false;
  auto watch = KILN_TRY(loop.Watch(child.pidfd(), EPOLLIN, [&](uint32_t) { ended = true; }));
  (void)KILN_TRY(loop.RunUntil([&] { return ended || stops > 0; }));
  if (!ended) {
    child.Signal(SIGTERM);
    // Who asks twice does not want to wait for a compiler that does not listen.
    (void)KILN_TRY(loop.RunUntil([&] { return ended || stops > 1; }, loop.clock().Now() + kGrace));
    if (!ended) child.Signal(SIGKILL);
    (void)KILN_TRY(loop.RunUntil([&] { return ended; }));
  }
  watch.Reset();
  (void)KILN_TRY(loop.RunUntil([&] { return closed; }, loop.clock().Now() + kLastWords));
  run.output.End();
  run.interrupted = stops > 0;
  run.status = child.Poll().value_or(sys::ExitStatus{});
  return run;
}

}  // namespace kiln::build
