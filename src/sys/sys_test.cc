#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "sys/borrowed.h"
#include "sys/files.h"
#include "sys/library.h"
#include "sys/loop.h"
#include "sys/proc.h"
#include "sys/process.h"
#include "sys/reader.h"
#include "sys/stream.h"

namespace kiln::sys {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

class SysTest : public testing::Test {
 protected:
  TempDir dir_ = *TempDir::Create(testing::TempDir(), "sys");
  std::string Path(std::string_view name) const { return JoinPath(dir_.path(), name); }
  SystemClock clock_;
  SystemSpawner spawner_;
};

TEST_F(SysTest, AtomicWriteReplacesAndLeavesNothingBeside) {
  const std::string path = Path("a file\nwith a newline");
  ASSERT_TRUE(WriteFileAtomic(path, "one", 0600));
  ASSERT_TRUE(WriteFileAtomic(path, "two", 0600));
  EXPECT_EQ(*ReadFile(path), "two");
  EXPECT_EQ(ListDirectory(dir_.path())->size(), 1U);
  EXPECT_EQ(Identify(path)->mode & 0777U, 0600U);
}

TEST_F(SysTest, ReadFileNamesWhatIsWrong) {
  EXPECT_NE(ReadFile(Path("none")).error().Text().find("none: No such file"), std::string::npos);
  EXPECT_NE(ReadFile(dir_.path()).error().Text().find("Is a directory"), std::string::npos);
  ASSERT_TRUE(WriteFileAtomic(Path("big"), std::string(100, 'x')));
  EXPECT_EQ(ReadFile(Path("big"), 10).error().code(), ErrorCode::kCorrupt);
}

TEST_F(SysTest, RemoveTreeDoesNotFollowLinks) {
  ASSERT_TRUE(MakeDirectories(Path("keep")));
  ASSERT_TRUE(WriteFileAtomic(Path("keep/file"), "x"));
  ASSERT_TRUE(MakeDirectories(Path("gone/a/b")));
  ASSERT_EQ(::symlink(Path("keep").c_str(), Path("gone/link").c_str()), 0);
  ASSERT_EQ(::chmod(Path("gone/a").c_str(), 0500), 0);
  ASSERT_TRUE(RemoveTree(Path("gone")));
  EXPECT_FALSE(Exists(Path("gone")));
  EXPECT_TRUE(Exists(Path("keep/file")));
  EXPECT_TRUE(RemoveTree(Path("gone")));
}

TEST(FileSystem, RenameTimesAndTreeBytes) {
  auto dir = TempDir::Create("/tmp", "kiln-sys");
  ASSERT_TRUE(dir.has_value());
  const std::string a = dir->path() + "/a";
  ASSERT_TRUE(MakeDirectories(a + "/deep").has_value());
  ASSERT_TRUE(WriteFileAtomic(a + "/deep/file", std::string(100'000, 'x')).has_value());
  ASSERT_TRUE(Rename(a, dir->path() + "/b").has_value());
  EXPECT_FALSE(Rename(a, dir->path() + "/c").has_value());
  EXPECT_GE(TreeBytes(dir->path()), 100'000U);
  EXPECT_EQ(TreeBytes(a), 0U);
  const WallTime when{std::chrono::seconds(1'234'567) + std::chrono::nanoseconds(89)};
  ASSERT_TRUE(SetModifiedTime(dir->path() + "/b", when).has_value());
  EXPECT_EQ(Identify(dir->path() + "/b")->mtime_ns, when.time_since_epoch().count());
}

TEST(Paths, AreHandledByText) {
  EXPECT_EQ(AbsolutePath("../x/./y", "/a/b"), "/a/x/y");
  EXPECT_EQ(AbsolutePath("/..", "/a"), "/");
  EXPECT_EQ(DirName("/x"), "/");
  EXPECT_EQ(DirName("x"), ".");
  EXPECT_EQ(BaseName("/a/b/"), "b");
  EXPECT_EQ(JoinPath("a/", "b"), "a/b");
  EXPECT_EQ(JoinPath("a", "/b"), "/b");
}

TEST_F(SysTest, LocksExcludeAndDieWithTheProcess) {
  auto held = FileLock::Try(Path("lock"), FileLock::Mode::kExclusive);
  ASSERT_TRUE(held && held->has_value());
  EXPECT_FALSE(FileLock::Try(Path("lock"), FileLock::Mode::kShared)->has_value());
  held->reset();
  EXPECT_TRUE(FileLock::Try(Path("lock"), FileLock::Mode::kShared)->has_value());
}

TEST_F(SysTest, RunCapturesAndPassesInput) {
  const auto captured =
      spawner_.Run({.argv = {"sh", "-c", "cat; echo oops >&2; exit 3"}}, std::string(300'000, 'a'));
  ASSERT_TRUE(captured) << captured.error().Text();
  EXPECT_EQ(captured->status.code, 3);
  EXPECT_EQ(captured->output.size(), 300'000U);
  EXPECT_EQ(captured->errors, "oops\n");
}

TEST_F(SysTest, RunSurvivesAChildThatIgnoresItsInput) {
  const auto captured = spawner_.Run({.argv = {"true"}}, std::string(1'000'000, 'a'));
  ASSERT_TRUE(captured);
  EXPECT_TRUE(captured->status.ok());
}

TEST_F(SysTest, SpawnSaysWhatCouldNotBeStarted) {
  EXPECT_EQ(spawner_.Run({.argv = {"no-such-program-at-all"}}).error().code(), ErrorCode::kNotFound);
  EXPECT_NE(spawner_.Run({.argv = {"/etc/passwd"}}).error().Text().find("run /etc/passwd: Permission denied"),
            std::string::npos);
  const auto wrong = spawner_.Run({.argv = {"true"}, .directory = "/no/such/folder"});
  EXPECT_NE(wrong.error().Text().find("/no/such/folder: No such file"), std::string::npos);
}

TEST_F(SysTest, RunEndsAtItsDeadlineAndItsLimit) {
  EXPECT_EQ(spawner_.Run({.argv = {"sleep", "1000"}}, {}, {.timeout = milliseconds(30)}).error().code(),
            ErrorCode::kTimeout);
  EXPECT_EQ(spawner_.Run({.argv = {"yes"}}, {}, {.output_bytes = 1000}).error().code(), ErrorCode::kCorrupt);
}

TEST_F(SysTest, DescriptorsMayChangePlaces) {
  PipeEnds a = *Pipe();
  PipeEnds b = *Pipe();
  // Each target is the other's source.
  auto child =
      spawner_.Spawn({.argv = {"sh", "-c", "eval \"echo a >&$0; echo b >&$1\"", std::to_string(b.write.get()),
                               std::to_string(a.write.get())},
                      .descriptors = {{b.write.get(), a.write.get()}, {a.write.get(), b.write.get()}}});
  ASSERT_TRUE(child) << child.error().Text();
  a.write.Reset();
  b.write.Reset();
  EXPECT_EQ(*ReadAll(a.read.get(), 100), "a\n");
  EXPECT_EQ(*ReadAll(b.read.get(), 100), "b\n");
}

TEST_F(SysTest, StopAsksThenKills) {
  auto polite = spawner_.Spawn({.argv = {"sleep", "1000"}});
  EXPECT_EQ(polite->Stop(seconds(10)).signal, SIGTERM);
  const PipeEnds ready = *Pipe();
  auto deaf = spawner_.Spawn({.argv = {"sh", "-c", "trap '' TERM; echo; while :; do sleep 1; done"},
                              .descriptors = {{1, ready.write.get()}}});
  char byte = 0;
  ASSERT_EQ(*ReadSome(ready.read.get(), &byte, 1), 1U);
  EXPECT_EQ(deaf->Stop(milliseconds(20)).signal, SIGKILL);
}

TEST_F(SysTest, AChildDiesWithItsParent) {
  PipeEnds pipe = *Pipe();
  const pid_t middle = ::fork();
  if (middle == 0) {
    auto child = SystemSpawner().Spawn({.argv = {"sleep", "1000"}, .descriptors = {{1, pipe.write.get()}}});
    ::_exit(child ? 0 : 1);  // Without running its destructor.
  }
  pipe.write.Reset();
  int status = 0;
  ASSERT_EQ(::waitpid(middle, &status, 0), middle);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(*ReadAll(pipe.read.get(), 10), "");  // Ends only when the grandchild, too, is gone.
}

TEST_F(SysTest, LoopReadsWritesAndTimes) {
  auto loop = *Loop::Create(clock_);
  PipeEnds pipe = *Pipe();
  std::string seen;
  auto watch = loop->Watch(pipe.read.get(), EPOLLIN, [&](uint32_t) {
    char buffer[16];
    seen.append(buffer, *ReadSome(pipe.read.get(), buffer, sizeof buffer));
  });
  ASSERT_TRUE(watch);
  auto timer = loop->After(milliseconds(1), [&] { (void)WriteAll(pipe.write.get(), "late"); });
  std::thread other([&] { loop->Post([&] { (void)WriteAll(pipe.write.get(), "post"); }); });
  EXPECT_TRUE(*loop->RunUntil([&] { return seen.size() == 8; }, clock_.Now() + seconds(10)));
  other.join();
  EXPECT_FALSE(*loop->RunUntil([] { return false; }, clock_.Now() + milliseconds(2)));
}

TEST_F(SysTest, LoopTreatsRegularFilesAsReady) {
  ASSERT_TRUE(WriteFileAtomic(Path("f"), "abc"));
  auto loop = *Loop::Create(clock_);
  const Fd file = *Open(Path("f"), O_RDONLY);
  std::string seen;
  bool ended = false;
  auto watch = loop->Watch(file.get(), EPOLLIN, [&](uint32_t) {
    char byte = 0;
    if (*ReadSome(file.get(), &byte, 1) == 0)
      ended = true;
    else
      seen += byte;
  });
  EXPECT_TRUE(*loop->RunUntil([&] { return ended; }, clock_.Now() + seconds(10)));
  EXPECT_EQ(seen, "abc");
}

TEST_F(SysTest, LoopCallbacksMayRemoveThemselvesAndEachOther) {
  auto loop = *Loop::Create(clock_);
  const PipeEnds a = *Pipe();
  const PipeEnds b = *Pipe();
  Loop::Handle first;
  Loop::Handle second;
  int calls = 0;
  const auto drop_both = [&](uint32_t) {
    ++calls;
    first.Reset();
    second.Reset();
  };
  first = *loop->Watch(a.read.get(), EPOLLIN, drop_both);
  second = *loop->Watch(b.read.get(), EPOLLIN, drop_both);
  ASSERT_TRUE(WriteAll(a.write.get(), "x"));
  ASSERT_TRUE(WriteAll(b.write.get(), "x"));
  EXPECT_FALSE(*loop->RunUntil([] { return false; }, clock_.Now() + milliseconds(5)));
  EXPECT_EQ(calls, 1);
}

TEST_F(SysTest, LoopHearsSignalsAndChildren) {
  auto loop = *Loop::Create(clock_);
  int signals = 0;
  auto on_signal = loop->OnSignal(SIGUSR1, [&] { ++signals; });
  ASSERT_TRUE(on_signal);
  ::kill(::getpid(), SIGUSR1);
  EXPECT_TRUE(*loop->RunUntil([&] { return signals == 1; }, clock_.Now() + seconds(10)));
  auto child = spawner_.Spawn({.argv = {"sh", "-c", "exit 7"}});
  bool ended = false;
  auto watch = loop->Watch(child->pidfd(), EPOLLIN, [&](uint32_t) { ended = child->Poll().has_value(); });
  EXPECT_TRUE(*loop->RunUntil([&] { return ended; }, clock_.Now() + seconds(10)));
  EXPECT_EQ(child->Poll()->code, 7);
}

TEST_F(SysTest, StreamsQueueAndTellTheEnd) {
  auto loop = *Loop::Create(clock_);
  SocketEnds ends = *SocketPair();
  size_t received = 0;
  bool drained = false;
  std::string reason;
  auto left =
      *Stream::Create(*loop, std::move(ends.ours),
                      {.bytes = [](std::string_view) {}, .closed = {}, .drained = [&] { drained = true; }});
  const auto right = *Stream::Create(*loop, std::move(ends.theirs),
                                     {.bytes = [&](std::string_view bytes) { received += bytes.size(); },
                                      .closed = [&](std::string_view why) { reason = why; }});
  left->Write(std::string(5'000'000, 'x'));
  EXPECT_GT(left->queued(), 0U);
  EXPECT_TRUE(*loop->RunUntil([&] { return received == 5'000'000 && drained; }, clock_.Now() + seconds(10)));
  left.reset();
  EXPECT_TRUE(*loop->RunUntil([&] { return !reason.empty(); }, clock_.Now() + seconds(10)));
  EXPECT_EQ(reason, "end of file");
}

TEST_F(SysTest, InletReadsNoMoreThanAllowedAndOutletWritesAllOfIt) {
  auto loop = *Loop::Create(clock_);
  PipeEnds in = *Pipe();
  PipeEnds out = *Pipe();
  std::string seen;
  bool ended = false;
  Inlet inlet(*loop, in.read.get(),
              {.bytes = [&](std::string_view bytes) { seen += bytes; }, .ended = [&] { ended = true; }});
  ASSERT_TRUE(WriteAll(in.write.get(), "abcdef"));
  in.write.Reset();
  inlet.Allow(2);
  EXPECT_FALSE(*loop->RunUntil([&] { return ended; }, clock_.Now() + milliseconds(5)));
  EXPECT_EQ(seen, "ab");
  inlet.Allow(100);
  EXPECT_TRUE(*loop->RunUntil([&] { return ended; }, clock_.Now() + seconds(10)));
  EXPECT_EQ(seen, "abcdef");

  size_t written = 0;
  bool broken = false;
  Outlet outlet(*loop, out.write.get(),
                {.written = [&](size_t count) { written += count; }, .broken = [&] { broken = true; }});
  outlet.Write(std::string(300'000, 'x'));
  std::string received;
  std::thread reader([&] {
    std::string part(200'000, '\0');
    while (received.size() < 200'000)
      received.append(part, 0, *ReadSome(out.read.get(), part.data(), 200'000 - received.size()));
    out.read.Reset();
  });
  ::signal(SIGPIPE, SIG_IGN);
  EXPECT_TRUE(*loop->RunUntil([&] { return written == 300'000; }, clock_.Now() + seconds(10)));
  reader.join();
  EXPECT_EQ(received, std::string(200'000, 'x'));
  EXPECT_TRUE(broken);
  outlet.Write("more");
  EXPECT_EQ(written, 300'004U);
  ::signal(SIGPIPE, SIG_DFL);
}

TEST_F(SysTest, ProcBytesReadsALineOfKibibytes) {
  const std::string path = Path("meminfo");
  ASSERT_TRUE(WriteFileAtomic(path, "MemTotal:  10 kB\nMemAvailable:   \nPss:  7 kB\nPssDirty: 3 kB\n"));
  EXPECT_EQ(ProcBytes(path, "MemTotal"), 10 * 1024U);
  EXPECT_EQ(ProcBytes(path, "Pss"), 7 * 1024U);
  EXPECT_EQ(ProcBytes(path, "MemAvailable"), 0U) << "a line without a number";
  EXPECT_EQ(ProcBytes(path, "Mem"), 0U) << "half a name";
  EXPECT_EQ(ProcBytes(Path("none"), "MemTotal"), 0U);
}

TEST(BootId, IsThatOfThisBoot) {
  EXPECT_EQ(BootId().size(), 36U) << "a UUID without the newline";
  EXPECT_EQ(BootId(), BootId());
}

TEST(Library, SaysWhatItIsForWhenItIsMissingOrTooOld) {
  const Library::Words words{.use = "counting needs libm", .purpose = "count with", .install = "get one"};
  const auto missing = Library::Load("libkiln-has-no-such.so.9", words);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), ErrorCode::kNotFound);
  EXPECT_THAT(missing.error().Text(), HasSubstr("counting needs libm"));
  EXPECT_THAT(missing.error().hint(), HasSubstr("get one"));

  const auto library = Library::Load("libm.so.6", words);
  ASSERT_TRUE(library) << library.error().Text();
  double (*cosine)(double) = nullptr;
  ASSERT_TRUE(library->Find("cos", cosine));
  EXPECT_EQ(cosine(0.0), 1.0);
  const auto old = library->Find("kiln_has_no_such_function", cosine);
  ASSERT_FALSE(old);
  EXPECT_EQ(old.error().code(), ErrorCode::kUnsupported);
  EXPECT_THAT(old.error().Text(), HasSubstr("too old to count with"));
}

TEST(ReadInChild, GivesTheChildsAnswerOrItsErrorAsItWas) {
  FakeSpawner spawner;
  Captured& said = spawner.answers["kiln"];
  said.output = "the answer";
  EXPECT_EQ(*ReadInChild(spawner, {"kiln", "read"}, "/x/vmlinux", {}), "the answer");
  said.status.code = 1;
  said.errors = AsReaderError(MakeError(ErrorCode::kBusy, "it changed").Hint("wait"));
  const auto busy = ReadInChild(spawner, {"kiln", "read"}, "/x/vmlinux", {});
  ASSERT_FALSE(busy);
  EXPECT_EQ(busy.error().code(), ErrorCode::kBusy);
  EXPECT_EQ(busy.error().TextWithHint(), "it changed\n  hint: wait");
  said.errors = AsReaderError(MakeError(ErrorCode::kIo, "no hint"));
  EXPECT_EQ(ReadInChild(spawner, {"kiln", "read"}, "/x", {}).error().TextWithHint(), "no hint");
}

TEST(ReadInChild, AChildThatDiesIsTheFilesFault) {
  FakeSpawner spawner;
  spawner.answers["kiln"].status.signal = 11;
  const auto died = ReadInChild(spawner, {"kiln"}, "/x/vmlinux", {});
  ASSERT_FALSE(died);
  EXPECT_EQ(died.error().code(), ErrorCode::kCorrupt);
  EXPECT_THAT(died.error().Text(), HasSubstr("/x/vmlinux cannot be read"));
  spawner.answers["kiln"] = {.status = {.code = 1}, .output = "", .errors = "terminate called\n"};
  EXPECT_THAT(ReadInChild(spawner, {"kiln"}, "/x", {}).error().Text(), HasSubstr("exit code 1"));
}

TEST(FakeSpawner, AnswersFromItsScript) {
  FakeSpawner fake;
  fake.answers["git rev-parse HEAD"] = {.status = {}, .output = "abc\n", .errors = {}};
  EXPECT_EQ(fake.Run({.argv = {"git", "rev-parse", "HEAD"}})->output, "abc\n");
  EXPECT_FALSE(fake.Run({.argv = {"hg"}}));
  EXPECT_EQ(fake.commands.size(), 2U);
}

}  // namespace
}  // namespace kiln::sys
