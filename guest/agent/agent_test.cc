// Commands: streams, flow control, signals, terminals.
#include <gmock/gmock.h>
#include <signal.h>

#include <cstdlib>

#include "test_guest.h"

namespace kiln {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class Agent : public AgentTest {};
INSTANTIATE_TEST_SUITE_P(Programs, Agent, kPrograms, ProgramName);

TEST_P(Agent, AnnouncesItselfThenAnswersHello) {
  Guest guest(GetParam());
  ASSERT_TRUE(guest.Until([&] { return guest.hello.has_value(); }));
  EXPECT_EQ(guest.hello->session, 0U);
  EXPECT_EQ(guest.hello->prefix.version, wire::kVersion);
  EXPECT_EQ(guest.hello->pid1, 0);
  EXPECT_NE(guest.hello->release, "");
  guest.Hello(77);
  EXPECT_EQ(guest.hello->session, 77U);
  EXPECT_GT(guest.hello->window, 0U);
}

TEST_P(Agent, StreamsAreApartAndExitCodePasses) {
  Guest guest(GetParam());
  guest.Hello();
  const wire::Exited exited = guest.Run(5, Shell("echo out; echo err >&2; exit 42"));
  EXPECT_EQ(exited.code, 42U);
  EXPECT_EQ(exited.signal, 0U);
  EXPECT_EQ(guest.seen[5].out, "out\n");
  EXPECT_EQ(guest.seen[5].err, "err\n");
  EXPECT_NE(guest.seen[5].started, 0U);
  EXPECT_EQ(guest.seen[5].ended.size(), 2U);
  EXPECT_GT(exited.real_ns, 0U);
  EXPECT_GT(exited.max_rss_kib, 0U);
}

TEST_P(Agent, MergedAndDiscardedOutput) {
  Guest guest(GetParam());
  guest.Hello();
  EXPECT_EQ(guest.Run(1, Shell("echo a; echo b >&2", wire::kExecMergeStderr)).code, 0U);
  EXPECT_EQ(guest.seen[1].out, "a\nb\n");
  EXPECT_EQ(guest.Run(2, Shell("echo a; echo b >&2", wire::kExecDiscardOutput)).code, 0U);
  EXPECT_EQ(guest.seen[2].out + guest.seen[2].err, "");
}

TEST_P(Agent, CommandSeesOnlyWhatItWasGiven) {
  Guest guest(GetParam());
  guest.Hello();
  const wire::Exec exec{
      .argv = {"env"}, .env = {"PATH=/usr/bin:/bin", "A=b c"}, .uid = geteuid(), .gid = getegid()};
  guest.Run(1, exec);
  EXPECT_EQ(guest.seen[1].out, "PATH=/usr/bin:/bin\nA=b c\n");
  guest.Run(
      2,
      Shell("pwd; ls /proc/self/fd | wc -l; grep -E 'Sig(Ign|Blk)' /proc/self/status; ulimit -c >/dev/null; "
            "[ $(ps -o sid= -p $$) = $$ ] && echo leader"));
  EXPECT_EQ(guest.seen[2].out, "/\n4\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\nleader\n");
}

TEST_P(Agent, WhatCannotRunSaysWhy) {
  Guest guest(GetParam());
  guest.Hello();
  wire::Exec exec = Shell("");
  exec.argv = {"no-such-program"};
  wire::Exited exited = guest.Run(1, exec);
  EXPECT_EQ(exited.code, 127U);
  EXPECT_EQ(exited.error, static_cast<uint32_t>(ENOENT));
  EXPECT_EQ(exited.what, "run no-such-program");
  EXPECT_EQ(guest.seen[1].started, 0U);

  exec.argv = {"/etc/passwd"};
  exited = guest.Run(2, exec);
  EXPECT_EQ(exited.code, 126U);
  EXPECT_EQ(exited.error, static_cast<uint32_t>(EACCES));

  std::ofstream(Path("script")) << "#!/no/such/interpreter\n";
  chmod(Path("script").c_str(), 0755);
  exec.argv = {Path("script")};
  EXPECT_THAT(guest.Run(3, exec).what, HasSubstr("interpreter or loader is missing"));

  exec = Shell("true");
  exec.cwd = "/no/such/folder";
  exited = guest.Run(4, exec);
  EXPECT_EQ(exited.what, "change to folder /no/such/folder");
  EXPECT_EQ(exited.error, static_cast<uint32_t>(ENOENT));

  exec = Shell("true");
  exec.argv = {};
  EXPECT_EQ(guest.Run(5, exec).error, static_cast<uint32_t>(EINVAL));
}

TEST_P(Agent, ScriptWithoutInterpreterLineIsRunByTheShell) {
  Guest guest(GetParam());
  guest.Hello();
  std::ofstream(Path("plain")) << "echo \"$0:$1\"\n";
  chmod(Path("plain").c_str(), 0755);
  wire::Exec exec = Shell("");
  exec.argv = {"plain", "x"};
  exec.env = {"PATH=/no/where:" + folder_.string()};
  EXPECT_EQ(guest.Run(1, exec).code, 0U);
  EXPECT_EQ(guest.seen[1].out, Path("plain") + ":x\n");
}

TEST_P(Agent, ArgumentsLongerThanAFrame) {
  Guest guest(GetParam());
  guest.Hello();
  wire::Exec exec = Shell("printf %s \"$@\" | wc -c");
  exec.argv.push_back("sh");
  for (int i = 0; i < 10; ++i) exec.argv.push_back(std::string(50'000, 'x'));
  EXPECT_EQ(guest.Run(1, exec).code, 0U);
  EXPECT_EQ(guest.seen[1].out, "500000\n");
}

TEST_P(Agent, StdinIsBinaryCleanAndEnds) {
  Guest guest(GetParam());
  guest.Hello();
  std::string bytes;
  for (int i = 0; i < 100'000; ++i) bytes += static_cast<char>(i * 7);
  guest.Send(1, Shell("cat", wire::kExecStdin));
  guest.Data(1, bytes);
  guest.Send(1, wire::Eof{.stream = wire::kStdin});
  EXPECT_EQ(guest.Exited(1).code, 0U);
  EXPECT_TRUE(guest.seen[1].out == bytes);
}

TEST_P(Agent, StdinKeepsWithinItsWindowAndNothingIsLost) {
  Guest guest(GetParam());
  guest.Hello();
  constexpr uint64_t kTotal = 64 * 1024 * 1024;
  guest.count_only = true;
  guest.Send(1, Shell("cat", wire::kExecStdin));
  uint64_t sent = 0;
  const std::string block(32 * 1024, 'z');
  ASSERT_TRUE(guest.Until([&] {
    const uint64_t allowed = guest.hello->window + guest.seen[1].stdin_credit;
    while (sent < kTotal && sent + block.size() <= allowed) {
      guest.Data(1, block);
      sent += block.size();
      if (sent == kTotal) guest.Send(1, wire::Eof{.stream = wire::kStdin});
    }
    return guest.seen[1].exited.has_value();
  }));
  EXPECT_EQ(guest.counted, kTotal);
  const std::string status = Contents("/proc/" + std::to_string(guest.pid()) + "/status");
  const size_t at = status.find("VmHWM:");
  ASSERT_NE(at, std::string::npos);
  if (std::string(GetParam()) == KILN_AGENT_STATIC) {
    EXPECT_LT(std::strtoul(status.c_str() + at + 6, nullptr, 10), 4096U) << "KiB";
  }
}

TEST_P(Agent, OneThatDoesNotReadHoldsUpNobody) {
  Guest guest(GetParam());
  guest.Hello();
  guest.Send(1, Shell("exec sleep 1000", wire::kExecStdin));
  guest.Data(1, std::string(guest.hello->window, 'x'));
  EXPECT_EQ(guest.Run(2, Shell("echo still here")).code, 0U);
  EXPECT_EQ(guest.seen[2].out, "still here\n");
  guest.Send(1, wire::Signal{.signal = SIGTERM});
  const wire::Exited exited = guest.Exited(1);
  EXPECT_EQ(exited.signal, static_cast<uint32_t>(SIGTERM));
  EXPECT_EQ(exited.code, 128U + SIGTERM);
}

TEST_P(Agent, MoreThanTheWindowEndsTheSession) {
  Guest guest(GetParam());
  guest.Hello();
  guest.Send(1, Shell("exec sleep 1000", wire::kExecStdin));
  guest.Data(1, std::string(guest.hello->window + 200'000, 'x'));
  ASSERT_TRUE(guest.Until([&] { return !guest.logs.empty(); }));
  EXPECT_THAT(guest.logs[0], HasSubstr("more stdin than the window allows"));
  guest.Hello(2);
  EXPECT_EQ(guest.Run(1, Shell("echo again")).code, 0U);
  EXPECT_EQ(guest.seen[1].out, "again\n");
}

TEST_P(Agent, OutputWaitsForCredit) {
  Guest guest(GetParam());
  guest.give_credit = false;
  guest.Hello(1, 1000);
  guest.Send(1, Shell("yes | head -c 5000"));
  ASSERT_TRUE(guest.Until([&] { return guest.seen[1].out.size() == 1000; }));
  guest.Send(0, wire::Ping{.token = 9});
  ASSERT_TRUE(guest.Until([&] { return guest.pong == 9; }));
  EXPECT_EQ(guest.seen[1].out.size(), 1000U);
  EXPECT_FALSE(guest.seen[1].exited);
  guest.Send(1, wire::Credit{.stream = wire::kStdout, .bytes = 1'000'000});
  EXPECT_EQ(guest.Exited(1).code, 0U);
  EXPECT_EQ(guest.seen[1].out.size(), 5000U);
}

TEST_P(Agent, ClosedStdinIsTold) {
  Guest guest(GetParam());
  guest.Hello();
  guest.Send(1, Shell("exec <&-; echo closed; sleep 1000", wire::kExecStdin));
  ASSERT_TRUE(guest.Until([&] { return guest.seen[1].stdin_closed; }));
  guest.Data(1, "for nobody");
  guest.Send(1, wire::Signal{.signal = SIGKILL});
  EXPECT_EQ(guest.Exited(1).signal, static_cast<uint32_t>(SIGKILL));
}

TEST_P(Agent, BackgroundProcessDoesNotHoldTheEnd) {
  Guest guest(GetParam());
  guest.Hello();
  guest.Send(1, Shell("sleep 1000 & echo $!"));
  EXPECT_EQ(guest.Exited(1).code, 0U);
  const std::string pid = guest.seen[1].out;
  ASSERT_NE(pid, "");
  EXPECT_EQ(kill(std::stoi(pid), SIGKILL), 0) << "it was to live on";
  // A background process that never stops writing neither.
  guest.Send(2, Shell("yes & echo $! >&2"));
  EXPECT_EQ(guest.Exited(2).code, 0U);
}

TEST_P(Agent, SignalsReachTheWholeGroup) {
  Guest guest(GetParam());
  guest.Hello();
  guest.Send(1, Shell("trap 'echo caught; exit 7' INT; echo ready; sleep 1000"));
  ASSERT_TRUE(guest.Until([&] { return guest.seen[1].out == "ready\n"; }));
  // The shell may not have started its sleep yet and would then wait for it; so it is repeated.
  ASSERT_TRUE(guest.Until([&] {
    if (guest.unsent() == 0) guest.Send(1, wire::Signal{.signal = SIGINT});
    return guest.seen[1].exited.has_value();
  }));
  EXPECT_EQ(guest.Exited(1).code, 7U);
  EXPECT_THAT(guest.seen[1].out, StartsWith("ready\ncaught\n"));
}

TEST_P(Agent, ManyAtOnce) {
  Guest guest(GetParam());
  guest.Hello();
  for (uint32_t i = 1; i <= 64; ++i) guest.Send(i, Shell("read line; echo $line", wire::kExecStdin));
  guest.Send(65, Shell("true"));
  EXPECT_EQ(guest.Exited(65).error, static_cast<uint32_t>(EMFILE));
  for (uint32_t i = 64; i >= 1; --i) guest.Data(i, std::to_string(i) + "\n");
  for (uint32_t i = 1; i <= 64; ++i) {
    EXPECT_EQ(guest.Exited(i).code, 0U);
    EXPECT_EQ(guest.seen[i].out, std::to_string(i) + "\n");
  }
}

TEST_P(Agent, TerminalHasASizeAndJobControl) {
  Guest guest(GetParam());
  guest.Hello();
  wire::Exec exec = Shell(
      "stty size; tty; [ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo terminal; read x; stty size", wire::kExecPty);
  exec.rows = 33;
  exec.cols = 99;
  guest.Send(1, exec);
  ASSERT_TRUE(guest.Until([&] { return guest.seen[1].out.find("terminal") != std::string::npos; }));
  EXPECT_THAT(guest.seen[1].out, StartsWith("33 99\r\n/dev/pts/"));
  guest.Send(1, wire::Resize{.rows = 50, .cols = 120});
  guest.Data(1, "\n");
  EXPECT_EQ(guest.Exited(1).code, 0U);
  EXPECT_THAT(guest.seen[1].out, HasSubstr("50 120\r\n"));

  // The shell moves its jobs between foreground and background only when the terminal is its controlling one.
  exec.argv = {"bash", "--norc", "--noprofile", "--noediting", "-i"};
  exec.env.emplace_back("PS1=");
  guest.Send(2, exec);
  // The job says when it runs; the quotes keep the echo of this line apart from what it prints.
  guest.Data(2, "sh -c 'echo run''ning; exec sleep 1000'\n");
  ASSERT_TRUE(guest.Until([&] { return guest.seen[2].out.find("running") != std::string::npos; }));
  guest.Data(2, "\x1a");
  ASSERT_TRUE(guest.Until([&] { return guest.seen[2].out.find("Stopped") != std::string::npos; }));
  // The first one only says that there are stopped jobs.
  guest.Data(2, "exit 9\nexit 9\n");
  EXPECT_EQ(guest.Exited(2).code, 9U);
  EXPECT_EQ(guest.seen[2].out.find("no job control"), std::string::npos);
}

TEST_P(Agent, EofOnATerminalIsControlD) {
  Guest guest(GetParam());
  guest.Hello();
  guest.Send(1, Shell("cat; echo ended", wire::kExecPty));
  guest.Data(1, "line\n");
  ASSERT_TRUE(guest.Until([&] { return guest.seen[1].out.find("line\r\nline\r\n") != std::string::npos; }));
  guest.Send(1, wire::Eof{.stream = wire::kStdin});
  EXPECT_EQ(guest.Exited(1).code, 0U);
  EXPECT_THAT(guest.seen[1].out, HasSubstr("ended"));
}

TEST_P(Agent, SignalOnATerminalReachesTheForeground) {
  Guest guest(GetParam());
  guest.Hello();
  wire::Exec exec = Shell("", wire::kExecPty);
  exec.argv = {"bash", "--norc", "--noprofile", "-i", "-c", "set -m; sleep 1000; echo code $?"};
  guest.Send(1, exec);
  ASSERT_TRUE(guest.Until([&] { return guest.seen[1].started != 0; }));
  // Until the sleep is in the foreground a signal may come too early; so it is repeated.
  ASSERT_TRUE(guest.Until([&] {
    if (guest.unsent() == 0) guest.Send(1, wire::Signal{.signal = SIGINT});
    return guest.seen[1].exited.has_value();
  }));
}

}  // namespace
}  // namespace kiln
