#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wire/wire.h"

/// Drives the real agent, as an ordinary process on a socket pair, through everything that needs no machine
/// of its own: once the static program that goes into the initramfs, once the one built like the rest (with
/// the sanitizers).
namespace kiln {

using wire::Type;

inline constexpr uint32_t kWindow = 256 * 1024;

#define KILN_WITH_SPARE " with a spare"
inline constexpr const char* kWithSpare = KILN_WITH_SPARE;

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
  /// `program` may end with kWithSpare.
  explicit Guest(std::string program, bool own_namespaces = false) {
    const bool spare = program.ends_with(kWithSpare);
    if (spare) program.resize(program.size() - std::string_view(kWithSpare).size());
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    link_ = ends[0];
    const std::string fd = std::to_string(ends[1]);
    std::vector<const char*> argv = {program.c_str(), spare ? "--test-fd-spare" : "--test-fd", fd.c_str(),
                                     nullptr};
    if (own_namespaces) {
      const std::vector<const char*> unshare = Unshare();
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

  static std::vector<const char*> Unshare() {
    return {"unshare", "--user", "--map-root-user", "--mount",     "--uts",
            "--net",   "--pid",  "--fork",          "--mount-proc"};
  }
  static bool CanHaveNamespaces() {
    std::vector<const char*> argv = Unshare();
    argv.insert(argv.end(), {"true", nullptr});
    const pid_t pid = fork();
    if (pid == 0) {
      close(STDERR_FILENO);
      execvp(argv[0], const_cast<char**>(argv.data()));
      _exit(99);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    return status == 0;
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

inline wire::Exec Shell(const std::string& script, uint32_t flags = 0) {
  return {.argv = {"sh", "-c", script},
          .env = {"PATH=/usr/bin:/bin"},
          .cwd = "/",
          .uid = geteuid(),
          .gid = getegid(),
          .flags = flags};
}

class AgentTest : public testing::TestWithParam<const char*> {
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

/// Each way to run the agent: as built, and with a child forked ahead as in a machine (spare.h).
inline const auto kPrograms =
    testing::Values(KILN_AGENT_STATIC, KILN_AGENT_NATIVE, KILN_AGENT_STATIC KILN_WITH_SPARE,
                    KILN_AGENT_NATIVE KILN_WITH_SPARE);
inline std::string ProgramName(const testing::TestParamInfo<const char*>& param) {
  const char* names[] = {"Static", "Native", "StaticSpare", "NativeSpare"};
  return names[param.index];
}

}  // namespace kiln
