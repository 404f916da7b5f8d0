// Requests: files, chains, sessions, and what an init alone may do.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/xattr.h>

#include <cstdlib>

#include "test_guest.h"

namespace kiln {
namespace {

using testing::HasSubstr;

class AgentRequests : public AgentTest {};
INSTANTIATE_TEST_SUITE_P(Programs, AgentRequests, kPrograms, ProgramName);

TEST_P(AgentRequests, PutIsWholeOrNotAtAll) {
  Guest guest(GetParam());
  guest.Hello();
  const wire::Put put{
      .path = Path("a/b/file"), .mode = 0640, .uid = geteuid(), .gid = getegid(), .parents = 1};
  guest.Send(1, put);
  guest.Data(1, "part one, ");
  guest.Data(1, std::string("part\0two", 8));
  guest.Send(1, wire::Eof{.stream = wire::kStdin});
  EXPECT_EQ(guest.Reply(1).error, 0U) << guest.Reply(1).what;
  EXPECT_EQ(Contents(put.path), std::string("part one, part\0two", 18));
  struct stat info{};
  ASSERT_EQ(stat(put.path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0640U);

  guest.Send(2, put);
  guest.Data(2, "never finished");
  guest.Send(2, wire::Close());
  EXPECT_EQ(guest.Reply(2).error, static_cast<uint32_t>(ECANCELED));
  EXPECT_EQ(Contents(put.path).size(), 18U);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(Path("a/b")), {}), 1);

  guest.Send(3, wire::Put{.path = Path("none/file"), .uid = geteuid(), .gid = getegid()});
  EXPECT_EQ(guest.Reply(3).error, static_cast<uint32_t>(ENOENT));
  EXPECT_THAT(guest.Reply(3).what, HasSubstr("none/file"));
}

TEST_P(AgentRequests, GetBringsTheFileAndWhatItIs) {
  Guest guest(GetParam());
  guest.Hello();
  const std::string bytes(300'000, 'g');
  std::ofstream(Path("file")) << bytes;
  chmod(Path("file").c_str(), 0604);
  guest.Send(1, wire::Get{.path = Path("file")});
  EXPECT_EQ(guest.Reply(1).error, 0U);
  EXPECT_TRUE(guest.seen[1].out == bytes);
  ASSERT_TRUE(guest.seen[1].file);
  EXPECT_EQ(guest.seen[1].file->mode, 0604U);
  EXPECT_EQ(guest.seen[1].file->size, bytes.size());

  EXPECT_EQ(guest.Ask(2, wire::Get{.path = "/no/such"}).error, static_cast<uint32_t>(ENOENT));
  EXPECT_EQ(guest.Ask(3, wire::Get{.path = "/"}).error, static_cast<uint32_t>(EISDIR));
  ASSERT_EQ(mkfifo(Path("fifo").c_str(), 0600), 0);
  EXPECT_THAT(guest.Ask(4, wire::Get{.path = Path("fifo")}).what, HasSubstr("no regular file"));
  EXPECT_EQ(guest.Ask(5, wire::Get{.path = "/proc/self/stat"}).error, 0U);
  EXPECT_NE(guest.seen[5].out, "");
}

TEST_P(AgentRequests, FoldersLinksAndSmallFiles) {
  Guest guest(GetParam());
  guest.Hello();
  EXPECT_EQ(guest.Ask(1, wire::Mkdir{.path = Path("x/y/z")}).error, 0U);
  EXPECT_EQ(guest.Ask(2, wire::Mkdir{.path = Path("x/y/z")}).error, 0U);
  EXPECT_EQ(guest.Ask(3, wire::Symlink{.target = "first", .path = Path("x/link")}).error, 0U);
  EXPECT_EQ(guest.Ask(4, wire::Symlink{.target = "second", .path = Path("x/link")}).error, 0U);
  EXPECT_EQ(guest.Ask(30, wire::SetModified{.path = Path("x/link"), .mtime_ns = 1'000'000'002}).error, 0U);
  struct stat link{};
  ASSERT_EQ(lstat(Path("x/link").c_str(), &link), 0);
  EXPECT_EQ(link.st_mtim.tv_sec, 1);
  EXPECT_EQ(link.st_mtim.tv_nsec, 2);
  EXPECT_EQ(guest.Ask(31, wire::SetModified{.path = Path("x/none"), .mtime_ns = 1}).error,
            static_cast<uint32_t>(ENOENT));
  EXPECT_EQ(std::filesystem::read_symlink(Path("x/link")), "second");
  EXPECT_EQ(guest.Ask(5, wire::WriteFile{.path = Path("x/f"), .bytes = "hi"}).error,
            static_cast<uint32_t>(ENOENT));
  EXPECT_EQ(guest.Ask(6, wire::WriteFile{.path = Path("x/f"), .bytes = "hi", .create = 1}).error, 0U);
  EXPECT_EQ(Contents(Path("x/f")), "hi");
  EXPECT_EQ(guest.Ask(7, wire::Mkdir{.path = Path("x/f/sub")}).error, static_cast<uint32_t>(ENOTDIR));
  EXPECT_EQ(guest.Ask(8, wire::Mkdir{.path = std::string("/a\0b", 4)}).error, static_cast<uint32_t>(EINVAL));
  EXPECT_EQ(guest.Ask(9, wire::SyncDisks()).error, 0U);
  const wire::WriteFile again{.path = Path("x/f"), .bytes = "ho", .create = 1, .in_initramfs = 1};
  EXPECT_EQ(guest.Ask(10, again).error, 0U);
  EXPECT_EQ(Contents(Path("x/f")), "ho");
}

TEST_P(AgentRequests, AKeptFileIsWrittenInMemory) {
  Guest guest(GetParam());
  guest.Hello();
  wire::WriteFile file{.path = Path("kept"), .bytes = "0000", .create = 2};
  EXPECT_EQ(guest.Ask(1, file).error, 0U);
  EXPECT_EQ(Contents(Path("kept")), "0000");
  std::filesystem::rename(Path("kept"), Path("moved"));
  file.create = 0;
  file.bytes = "1234";
  EXPECT_EQ(guest.Ask(2, file).error, 0U);
  EXPECT_EQ(Contents(Path("moved")), "1234");
  // Another length, another file, and to make it: as ever.
  EXPECT_EQ(guest.Ask(3, wire::WriteFile{.path = Path("kept"), .bytes = "12345"}).error,
            static_cast<uint32_t>(ENOENT));
  EXPECT_EQ(guest.Ask(4, wire::WriteFile{.path = Path("moved"), .bytes = "56"}).error, 0U);
  EXPECT_EQ(Contents(Path("moved")), "5634");
  EXPECT_EQ(guest.Ask(5, wire::WriteFile{.path = Path("kept"), .bytes = "new", .create = 1}).error, 0U);
  EXPECT_EQ(Contents(Path("kept")), "new");
}

TEST_P(AgentRequests, AFolderCanHideWhatAnOverlayHasBelowIt) {
  if (geteuid() != 0) GTEST_SKIP() << "only root sets trusted attributes";
  Guest guest(GetParam());
  guest.Hello();
  EXPECT_EQ(guest.Ask(1, wire::Mkdir{.path = Path("upper"), .opaque = 1}).error, 0U);
  char value = 0;
  const ssize_t size = getxattr(Path("upper").c_str(), "trusted.overlay.opaque", &value, 1);
  // An overlay keeps them from those who use it, and the agent says nothing of that.
  if (size < 0) GTEST_SKIP() << "this file system has no such attributes: " << strerror(errno);
  EXPECT_EQ(value, 'y');
}

TEST_P(AgentRequests, AFailedStepStopsTheChainUntilItIsReset) {
  Guest guest(GetParam());
  guest.Hello();
  // All in one write, as the host does it: without waiting for answers.
  guest.Send(1, wire::WriteFile{.path = "/no/such/file", .bytes = "x"}, wire::kChained);
  guest.Send(2, Shell("echo must not run"), wire::kChained);
  guest.Send(3, Shell("echo not chained"));
  guest.Send(4, wire::ResetChain());
  guest.Send(5, Shell("echo after reset"), wire::kChained);
  EXPECT_EQ(guest.Exited(2).error, static_cast<uint32_t>(ECANCELED));
  EXPECT_EQ(guest.Exited(3).code, 0U);
  EXPECT_EQ(guest.Exited(5).code, 0U);
  EXPECT_EQ(guest.Reply(1).error, static_cast<uint32_t>(ENOENT));
  EXPECT_EQ(guest.seen[2].out, "");
  EXPECT_EQ(guest.seen[5].out, "after reset\n");
}

TEST_P(AgentRequests, AChainWaitsForAStepThatTakesTimeAndNobodyElseDoes) {
  Guest guest(GetParam());
  guest.Hello();
  const wire::Put put{.path = Path("late"), .mode = 0600, .uid = geteuid(), .gid = getegid()};
  guest.Send(1, put, wire::kChained);
  wire::Exec cat = Shell("cat; cat " + Path("late"));
  cat.flags |= wire::kExecStdin;
  guest.Send(2, cat, wire::kChained);
  guest.Data(2, "sent ahead, ");
  guest.Send(2, wire::Eof{.stream = wire::kStdin});
  guest.Send(3, wire::Mkdir{.path = Path("made")}, wire::kChained);
  EXPECT_EQ(guest.Run(4, Shell("echo not chained")).code, 0U);
  EXPECT_FALSE(std::filesystem::exists(Path("made")));
  EXPECT_EQ(guest.seen[2].out, "");
  guest.Data(1, "whole");
  guest.Send(1, wire::Eof{.stream = wire::kStdin});
  EXPECT_EQ(guest.Exited(2).code, 0U);
  EXPECT_EQ(guest.seen[2].out, "sent ahead, whole");
  EXPECT_EQ(guest.Reply(3).error, 0U);
  EXPECT_TRUE(std::filesystem::exists(Path("made")));
}

TEST_P(AgentRequests, AModuleThatHangsHoldsUpItsChainAlone) {
  if (!Guest::CanHaveNamespaces()) GTEST_SKIP() << "this host gives no user namespace to test in";
  Guest guest(GetParam(), true);
  guest.Hello();
  // Opening a FIFO waits for its writer, as a dead server or disk would make a file wait.
  ASSERT_EQ(mkfifo(Path("fifo.ko").c_str(), 0600), 0);
  guest.Send(1, wire::LoadModule{.path = Path("fifo.ko")}, wire::kChained);
  guest.Send(2, Shell("echo must not run"), wire::kChained);
  EXPECT_EQ(guest.Run(3, Shell("echo alive")).code, 0U);
  EXPECT_EQ(guest.seen[3].out, "alive\n");
  EXPECT_FALSE(guest.seen[1].reply);
  close(open(Path("fifo.ko").c_str(), O_WRONLY | O_CLOEXEC));
  EXPECT_NE(guest.Reply(1).error, 0U);
  EXPECT_THAT(guest.Reply(1).what, HasSubstr("load module"));
  EXPECT_EQ(guest.Exited(2).error, static_cast<uint32_t>(ECANCELED));
  // One that nobody ever lets go on can be given up.
  guest.Send(4, wire::LoadModule{.path = Path("fifo.ko")});
  guest.Send(4, wire::Close());
  EXPECT_EQ(guest.Reply(4).error, static_cast<uint32_t>(ECANCELED));
  EXPECT_EQ(guest.Ask(5, wire::Unmount{.target = "/no/such"}).error, static_cast<uint32_t>(ENOENT));
  EXPECT_NE(guest.Ask(6, wire::Mount{.source = "/dev/null", .target = Path(""), .fstype = "nosuchfs"}).error,
            0U);
  EXPECT_THAT(guest.seen[6].reply->what, HasSubstr("mount nosuchfs /dev/null on"));
  EXPECT_NE(guest.Ask(7, wire::UnloadModule{.name = "nosuch_module"}).error, 0U);
}

TEST_P(AgentRequests, RefusesWhatItMustNotDo) {
  Guest guest(GetParam());
  guest.Raw([] {
    std::string early;
    wire::AppendSync(early);
    wire::Encode(early, 1, wire::Mkdir{.path = "/tmp/x"});
    return early;
  }());
  EXPECT_EQ(guest.Reply(1).error, static_cast<uint32_t>(EPROTO));
  guest.Hello();
  // An ordinary process must never change the host it is tested on.
  EXPECT_EQ(guest.Ask(2, wire::SetHostname{.name = "oops"}).error, static_cast<uint32_t>(EPERM));
  EXPECT_EQ(guest.Ask(3, wire::PowerOff()).error, static_cast<uint32_t>(EPERM));
  std::string raw;
  // NOLINTNEXTLINE(clang-analyzer-optin.core.EnumCastOutOfRange): none of ours is meant.
  wire::AppendMessage(raw, static_cast<Type>(47), 4, 0, "");
  wire::AppendMessage(raw, Type::kMkdir, 5, 0, "nonsense");
  guest.Raw(raw);
  EXPECT_EQ(guest.Reply(4).error, static_cast<uint32_t>(ENOSYS));
  EXPECT_EQ(guest.Reply(5).error, static_cast<uint32_t>(EPROTO));
}

TEST_P(AgentRequests, ANewSessionEndsTheOldOne) {
  Guest guest(GetParam());
  guest.Hello(1);
  guest.Send(1, Shell("echo $$; exec sleep 1000"));
  ASSERT_TRUE(guest.Until([&] { return guest.seen[1].out.ends_with("\n"); }));
  const pid_t pid = std::stoi(guest.seen[1].out);
  guest.seen.clear();
  guest.Hello(2);
  EXPECT_EQ(guest.Run(1, Shell("echo new")).code, 0U);
  EXPECT_EQ(guest.seen[1].out, "new\n");
  EXPECT_TRUE(guest.Until([&] { return kill(pid, 0) != 0; })) << "the old command lives on";
}

TEST_P(AgentRequests, AnOldHostIsToldWhoIsOld) {
  Guest guest(GetParam());
  std::string out;
  wire::AppendSync(out);
  wire::Encode(
      out, 0, wire::HostHello{.prefix = {.version = 99, .min_version = 98, .build = "future"}, .session = 4});
  ASSERT_TRUE(guest.Until([&] { return guest.hello.has_value(); }));
  guest.hello.reset();
  guest.Raw(out);
  ASSERT_TRUE(guest.Until([&] { return guest.hello.has_value(); }));
  EXPECT_THAT(
      wire::VersionMismatch({.version = 99, .min_version = 98, .build = "future"}, guest.hello->prefix),
      HasSubstr("too old"));
}

TEST_P(AgentRequests, RubbishIsSurvived) {
  Guest guest(GetParam());
  guest.Raw("noise on the line\r\n");
  guest.Hello(1);
  guest.Raw(std::string(300'000, '\xee'));
  ASSERT_TRUE(guest.Until([&] { return !guest.logs.empty(); }));
  guest.Hello(2);
  EXPECT_EQ(guest.Run(1, Shell("echo fine")).code, 0U);
  unsigned seed = 1;
  for (uint64_t session = 3; session < 40; ++session) {
    std::string raw;
    for (int i = 0; i < 200; ++i) {
      // Well-formed frames of every type with payloads that make no sense.
      std::string payload;
      for (int left = rand_r(&seed) % 40; left > 0; --left) payload += static_cast<char>(rand_r(&seed));
      Type type = static_cast<Type>(rand_r(&seed) % 72);
      if (type == Type::kHello) type = Type::kEof;
      wire::AppendMessage(raw, type, static_cast<uint32_t>(rand_r(&seed) % 4), 0, payload);
    }
    guest.Raw(raw);
    guest.Hello(session);
  }
  guest.seen.clear();
  EXPECT_EQ(guest.Run(1000, Shell("echo alive")).code, 0U);
}

TEST_P(AgentRequests, EndsWithItsLink) {
  Guest guest(GetParam());
  guest.Hello();
  guest.Send(1, Shell("echo $$; exec sleep 1000"));
  ASSERT_TRUE(guest.Until([&] { return guest.seen[1].out.ends_with("\n"); }));
  guest.HangUp();
  EXPECT_EQ(guest.Ended(), 0);
}

TEST_P(AgentRequests, AsInitItMountsAndSwitchesRoot) {
  if (!Guest::CanHaveNamespaces()) GTEST_SKIP() << "this host gives no user namespace to test in";
  Guest guest(GetParam(), true);
  guest.Hello();
  ASSERT_EQ(guest.hello->pid1, 1);
  const std::string root = Path("root");
  EXPECT_EQ(guest.Ask(1, wire::SetHostname{.name = "kilntest"}).error, 0U);
  EXPECT_EQ(guest.Ask(2, wire::Mount{.source = "none", .target = "/no/such", .fstype = "tmpfs"}).error,
            static_cast<uint32_t>(ENOENT));
  EXPECT_EQ(guest.seen[2].reply->what, "mount tmpfs none on /no/such");
  EXPECT_EQ(guest.Ask(3, wire::SwitchRoot{.path = Path("")}).error, static_cast<uint32_t>(EINVAL));
  wire::Reply reply =
      guest.Ask(4, wire::Mount{.source = "none", .target = root, .fstype = "tmpfs", .mkdir = 1});
  ASSERT_EQ(reply.error, 0U) << reply.what;
  for (const char* folder : {"/usr", "/bin", "/lib", "/lib64"}) {
    if (!std::filesystem::exists(folder)) continue;
    reply = guest.Ask(
        5, wire::Mount{.source = folder, .target = root + folder, .flags = MS_BIND | MS_REC, .mkdir = 1});
    ASSERT_EQ(reply.error, 0U) << reply.what;
    guest.seen.erase(5);
  }
  EXPECT_EQ(guest.Ask(6, wire::NetUp{.name = "lo"}).error, 0U);
  EXPECT_EQ(guest.Ask(7, wire::NetUp{.name = "nosuch0", .address = "10.0.2.15/24"}).error,
            static_cast<uint32_t>(ENODEV));
  EXPECT_EQ(guest.Ask(8, wire::NetUp{.name = "lo", .address = "10.0.2.300/24"}).error,
            static_cast<uint32_t>(EINVAL));
  // The last two, pipelined.
  guest.Send(9, wire::SwitchRoot{.path = root}, wire::kChained);
  wire::Exec exec = Shell("ls /; hostname; ls /proc/1/exe");
  exec.uid = exec.gid = 0;
  guest.Send(10, exec, wire::kChained);
  EXPECT_EQ(guest.Reply(9).error, 0U) << guest.Reply(9).what;
  EXPECT_EQ(guest.Exited(10).what, "");
  EXPECT_THAT(guest.seen[10].out, HasSubstr("kilntest\n/proc/1/exe\n")) << guest.seen[10].err;
  EXPECT_THAT(guest.seen[10].out, HasSubstr("usr\n"));

  // Back to the initramfs, which stands for the host's root here, and out of what was mounted.
  reply = guest.Ask(11, wire::LeaveRoot{.path = root});
  EXPECT_EQ(reply.error, 0U) << reply.what;
  exec = Shell("ls /proc/1/exe; test -d " + root + "/usr && echo inside");
  exec.uid = exec.gid = 0;
  guest.Send(12, exec);
  EXPECT_EQ(guest.Exited(12).what, "");
  EXPECT_EQ(guest.seen[12].out, "/proc/1/exe\ninside\n") << guest.seen[12].err;
  exec = Shell("echo up; cd " + root + "; exec sleep 1000");
  exec.uid = exec.gid = 0;
  guest.Send(13, exec);
  ASSERT_TRUE(guest.Until([&] { return guest.seen[13].out == "up\n"; }));
  reply = guest.Ask(14, wire::Unmount{.target = root + "/usr"});
  EXPECT_EQ(reply.error, 0U) << reply.what;
  guest.Send(15, wire::LeaveRoot{.path = root});
  EXPECT_EQ(guest.Reply(15).error, static_cast<uint32_t>(EINVAL));
}

TEST_P(AgentRequests, TriesTheKnownProgramBeforeThePath) {
  Guest guest(GetParam());
  guest.Hello();
  wire::Exec known = Shell("echo $0");
  known.argv[0] = "name";
  known.env = {"PATH=/no/such"};
  known.program = "/bin/sh";
  guest.Send(1, known);
  EXPECT_EQ(guest.Exited(1).what, "");
  EXPECT_EQ(guest.seen[1].out, "name\n");
  wire::Exec unknown = Shell("echo found");
  unknown.program = "/no/such/sh";
  guest.Send(2, unknown);
  EXPECT_EQ(guest.Exited(2).code, 0U);
  EXPECT_EQ(guest.seen[2].out, "found\n");
}

TEST_P(AgentRequests, AwaitsAFileThatAppears) {
  Guest guest(GetParam());
  guest.Hello();
  guest.Send(1, wire::AwaitFile{.path = Path("late"), .limit_ms = 60'000});
  guest.Send(2, Shell("sleep 0.05; echo x > " + Path("late")));
  EXPECT_EQ(guest.Reply(1).error, 0U) << guest.Reply(1).what;
  EXPECT_EQ(guest.Ask(3, wire::AwaitFile{.path = Path("never"), .limit_ms = 1}).error,
            static_cast<uint32_t>(ETIMEDOUT));
  EXPECT_EQ(guest.Ask(4, wire::AwaitFile{.path = "/no/such/folder/x", .limit_ms = 1}).error,
            static_cast<uint32_t>(ENOENT));
}

}  // namespace
}  // namespace kiln
