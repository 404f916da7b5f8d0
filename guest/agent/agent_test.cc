// Drives the real agent, as an ordinary process on a socket pair, through everything that needs no machine of
// its own: once the static program that goes into the initramfs, once the one built like the rest (with the
// sanitizers).
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wire/wire.h"

namespace kiln {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::StartsWith;
using wire::Type;

constexpr uint32_t kWindow = 256 * 1024;

/// What came on one channel.
struct Seen {
  std::string out;
  std::string err;
  std::vector<uint8_t> ended;
  uint32_t started = 0;
  uint64_t stdin_credit = 0;
  bool stdin_closed = false;
  std::optional<wire::FileInfo> file;
  std::optional<wire::Reply> reply;
  std::optional<wire::Exited> exited;
};

class Guest {
 public:
  explicit Guest(const std::string& program, bool own_namespaces = false) {
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    link_ = ends[0];
    const std::string fd = std::to_string(ends[1]);
    std::vector<const char*> argv = {program.c_str(), "--test-fd", fd.c_str(), nullptr};
    if (own_namespaces) {
      const std::vector<const char*> unshare = {"unshare", "--user", "--map-root-user",
                                                "--mount", "--uts",  "--net",
                                                "--pid",   "--fork", "--mount-proc"};
      argv.insert(argv.begin(), unshare.begin(), unshare.end());
    }
    pid_ = fork();
    if (pid_ == 0) {
      // Whatever started the test may have left descriptors open.
      for (int other = 3; other < 256; ++other)
        if (other != ends[1]) close(other);
      fcntl(ends[1], F_SETFD, 0);
      execvp(argv[0], const_cast<char**>(argv.data()));
      _exit(99);
    }
    close(ends[1]);
    fcntl(link_, F_SETFL, O_NONBLOCK);
  }
  Guest(const Guest&) = delete;
  Guest& operator=(const Guest&) = delete;
  ~Guest() {
    if (pid_ <= 0) return;
    close(link_);
    EXPECT_EQ(Ended(), 0) << "the agent did not end in order";
  }

  /// Exit status of the agent once its link is closed.
  int Ended() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = 0;
    return status;
  }
  void HangUp() { shutdown(link_, SHUT_RDWR); }

  void Hello(uint64_t session = 1, uint32_t window = kWindow) {
    window_ = window;
    std::string out;
    wire::AppendSync(out);
    wire::Encode(out, 0, wire::HostHello{.prefix = {.build = "test"}, .session = session, .window = window});
    Raw(out);
    ASSERT_TRUE(Until([&] { return hello && hello->session == session; }));
  }
  template <class M>
  void Send(uint32_t channel, const M& message, uint8_t flags = 0) {
    std::string out;
    ASSERT_TRUE(wire::Encode(out, channel, message, flags));
    Raw(out);
  }
  void Data(uint32_t channel, std::string_view bytes) {
    std::string out;
    wire::AppendData(out, channel, wire::kStdin, bytes);
    Raw(out);
  }
  void Raw(const std::string& bytes) { to_send_ += bytes; }

  /// Serves the link until `done`; false after too long.
  bool Until(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!done()) {
      if (ended_ || std::chrono::steady_clock::now() > deadline) return false;
      pollfd waiting = {link_, static_cast<short>(POLLIN | (to_send_.empty() ? 0 : POLLOUT)), 0};
      poll(&waiting, 1, 100);
      if ((waiting.revents & POLLOUT) != 0) {
        const ssize_t count = send(link_, to_send_.data(), to_send_.size(), MSG_NOSIGNAL);
        if (count > 0) to_send_.erase(0, static_cast<size_t>(count));
      }
      if ((waiting.revents & (POLLIN | POLLHUP)) != 0) Receive();
    }
    return true;
  }
  wire::Exited Run(uint32_t channel, const wire::Exec& exec) {
    Send(channel, exec);
    return Exited(channel);
  }
  wire::Exited Exited(uint32_t channel) {
    EXPECT_TRUE(Until([&] { return seen[channel].exited.has_value(); }))
        << "no Exited on channel " << channel;
    return seen[channel].exited.value_or(wire::Exited());
  }
  template <class M>
  wire::Reply Ask(uint32_t channel, const M& message, uint8_t flags = 0) {
    Send(channel, message, flags);
    return Reply(channel);
  }
  wire::Reply Reply(uint32_t channel) {
    EXPECT_TRUE(Until([&] { return seen[channel].reply.has_value(); })) << "no Reply on channel " << channel;
    return seen[channel].reply.value_or(wire::Reply());
  }
  pid_t pid() const { return pid_; }
  size_t unsent() const { return to_send_.size(); }

  std::map<uint32_t, Seen> seen;
  std::optional<wire::AgentHello> hello;
  std::vector<std::string> logs;
  uint64_t pong = 0;
  bool give_credit = true;
  /// Bytes are counted, not kept.
  bool count_only = false;
  uint64_t counted = 0;

 private:
  void Receive() {
    char bytes[64 * 1024];
    const ssize_t count = read(link_, bytes, sizeof(bytes));
    if (count <= 0) ended_ = count == 0 || errno != EAGAIN;
    if (count <= 0) return;
    decoder_.Push({bytes, static_cast<size_t>(count)});
    while (const auto frame = decoder_.Pop()) Take(*frame);
    ASSERT_EQ(decoder_.error(), "");
  }
  void TakeData(uint32_t channel, std::string_view payload) {
    const auto data = wire::DecodeData(payload);
    ASSERT_TRUE(data);
    counted += data->bytes.size();
    if (!count_only) (data->stream == wire::kStdout ? seen[channel].out : seen[channel].err) += data->bytes;
    if (give_credit)
      Send(channel, wire::Credit{.stream = data->stream, .bytes = static_cast<uint32_t>(data->bytes.size())});
  }
  void Take(const wire::Frame& frame) {
    Seen& channel = seen[frame.channel];
    switch (frame.type) {
      case Type::kHello:
        hello = wire::Decode<wire::AgentHello>(frame.payload);
        EXPECT_TRUE(hello);
        break;
      case Type::kData:
        EXPECT_FALSE(channel.exited) << "output after Exited";
        TakeData(frame.channel, frame.payload);
        break;
      case Type::kEof:
        channel.ended.push_back(wire::Decode<wire::Eof>(frame.payload).value().stream);
        break;
      case Type::kCredit:
        channel.stdin_credit += wire::Decode<wire::Credit>(frame.payload).value().bytes;
        break;
      case Type::kPong:
        pong = wire::Decode<wire::Pong>(frame.payload).value().token;
        break;
      case Type::kReply:
        channel.reply = wire::Decode<wire::Reply>(frame.payload);
        break;
      case Type::kStarted:
        EXPECT_EQ(channel.out, "") << "output before Started";
        channel.started = wire::Decode<wire::Started>(frame.payload).value().pid;
        break;
      case Type::kExited:
        channel.exited = wire::Decode<wire::Exited>(frame.payload);
        break;
      case Type::kStdinClosed:
        channel.stdin_closed = true;
        break;
      case Type::kFileInfo:
        channel.file = wire::Decode<wire::FileInfo>(frame.payload);
        break;
      case Type::kLog:
        logs.push_back(wire::Decode<wire::Log>(frame.payload).value().line);
        break;
      default:
        ADD_FAILURE() << "unexpected " << wire::Name(frame.type);
    }
  }

  int link_ = -1;
  pid_t pid_ = 0;
  uint32_t window_ = kWindow;
  bool ended_ = false;
  std::string to_send_;
  wire::Decoder decoder_;
};

wire::Exec Shell(const std::string& script, uint32_t flags = 0) {
  return {.argv = {"sh", "-c", script},
          .env = {"PATH=/usr/bin:/bin"},
          .cwd = "/",
          .uid = geteuid(),
          .gid = getegid(),
          .flags = flags};
}

class Agent : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("kiln-agent-test-" + std::to_string(getpid()));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string Path(const std::string& name) const { return folder_ / name; }
  static std::string Contents(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::filesystem::path folder_;
};

INSTANTIATE_TEST_SUITE_P(Programs, Agent, testing::Values(KILN_AGENT_STATIC, KILN_AGENT_NATIVE),
                         [](const auto& param) { return param.index == 0 ? "Static" : "Native"; });

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
  wire::Exec exec{
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
  // What came late, but in time, is there.
  guest.Send(3, Shell("(echo late) &"));
  EXPECT_EQ(guest.Exited(3).code, 0U);
  EXPECT_EQ(guest.seen[3].out, "late\n");
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

TEST_P(Agent, PutIsWholeOrNotAtAll) {
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

TEST_P(Agent, GetBringsTheFileAndWhatItIs) {
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

TEST_P(Agent, FoldersLinksAndSmallFiles) {
  Guest guest(GetParam());
  guest.Hello();
  EXPECT_EQ(guest.Ask(1, wire::Mkdir{.path = Path("x/y/z")}).error, 0U);
  EXPECT_EQ(guest.Ask(2, wire::Mkdir{.path = Path("x/y/z")}).error, 0U);
  EXPECT_EQ(guest.Ask(3, wire::Symlink{.target = "first", .path = Path("x/link")}).error, 0U);
  EXPECT_EQ(guest.Ask(4, wire::Symlink{.target = "second", .path = Path("x/link")}).error, 0U);
  EXPECT_EQ(std::filesystem::read_symlink(Path("x/link")), "second");
  EXPECT_EQ(guest.Ask(5, wire::WriteFile{.path = Path("x/f"), .bytes = "hi"}).error,
            static_cast<uint32_t>(ENOENT));
  EXPECT_EQ(guest.Ask(6, wire::WriteFile{.path = Path("x/f"), .bytes = "hi", .create = 1}).error, 0U);
  EXPECT_EQ(Contents(Path("x/f")), "hi");
  EXPECT_EQ(guest.Ask(7, wire::Mkdir{.path = Path("x/f/sub")}).error, static_cast<uint32_t>(ENOTDIR));
  EXPECT_EQ(guest.Ask(8, wire::Mkdir{.path = std::string("/a\0b", 4)}).error, static_cast<uint32_t>(EINVAL));
  EXPECT_EQ(guest.Ask(9, wire::SyncDisks()).error, 0U);
}

TEST_P(Agent, AFailedStepStopsTheChainUntilItIsReset) {
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

TEST_P(Agent, RefusesWhatItMustNotDo) {
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
  wire::AppendMessage(raw, static_cast<Type>(47), 4, 0, "");
  wire::AppendMessage(raw, Type::kMkdir, 5, 0, "nonsense");
  guest.Raw(raw);
  EXPECT_EQ(guest.Reply(4).error, static_cast<uint32_t>(ENOSYS));
  EXPECT_EQ(guest.Reply(5).error, static_cast<uint32_t>(EPROTO));
}

TEST_P(Agent, ANewSessionEndsTheOldOne) {
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

TEST_P(Agent, AnOldHostIsToldWhoIsOld) {
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

TEST_P(Agent, RubbishIsSurvived) {
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

TEST_P(Agent, EndsWithItsLink) {
  Guest guest(GetParam());
  guest.Hello();
  guest.Send(1, Shell("echo $$; exec sleep 1000"));
  ASSERT_TRUE(guest.Until([&] { return guest.seen[1].out.ends_with("\n"); }));
  guest.HangUp();
  EXPECT_EQ(guest.Ended(), 0);
}

TEST_P(Agent, AsInitItMountsAndSwitchesRoot) {
  if (std::system(
          "unshare --user --map-root-user --mount --uts --net --pid --fork --mount-proc true 2>/dev/null") !=
      0)
    GTEST_SKIP() << "this host gives no user namespace to test in";
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
}

}  // namespace
}  // namespace kiln
