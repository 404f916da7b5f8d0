#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "vm/agent_link.h"
#include "vm/guest_command.h"
#include "vm/process.h"

namespace kiln::vm {
namespace {

using std::chrono::seconds;

class VmTest : public testing::Test {
 protected:
  bool Until(const std::function<bool()>& done) { return *loop_->RunUntil(done, clock_.Now() + seconds(20)); }
  SystemClock clock_;
  std::unique_ptr<sys::Loop> loop_ = *sys::Loop::Create(clock_);
  sys::SocketEnds ends_ = *sys::SocketPair();
};

// ── QMP ──

class QmpTest : public VmTest {
 protected:
  std::string ReadLine() {
    std::string line;
    char byte = 0;
    while (*sys::ReadSome(ends_.theirs.get(), &byte, 1) == 1 && byte != '\n') line += byte;
    return line;
  }
  void Say(std::string_view text) { ASSERT_TRUE(sys::WriteAll(ends_.theirs.get(), text)); }
  std::vector<std::string> events_;
  bool closed_ = false;
  std::unique_ptr<Qmp> qmp_ = *Qmp::Create(
      *loop_, std::move(ends_.ours),
      [this](const std::string& name, const nlohmann::json& data) { events_.push_back(name + data.dump()); },
      [this] { closed_ = true; });
};

TEST_F(QmpTest, MatchesAnswersAndTellsEvents) {
  EXPECT_EQ(ReadLine(), R"({"execute":"qmp_capabilities","id":1})");
  std::string answer;
  std::string refused;
  qmp_->Execute("query-x", {{"a", 1}}, [&](Result<nlohmann::json> value) { answer = value->dump(); });
  qmp_->Execute("query-y", nlohmann::json::object(),
                [&](const Result<nlohmann::json>& value) { refused = value.error().Text(); });
  EXPECT_EQ(ReadLine(), R"({"arguments":{"a":1},"execute":"query-x","id":2})");
  Say("{\"QMP\": {}}\r\n{\"return\": {}, \"id\": 1}\nnonsense\n[1]\n");
  Say("{\"error\": {\"class\": \"E\", \"desc\": \"no such thing\"}, \"id\": 3}\n");
  Say("{\"event\": \"SHUTDOWN\", \"data\": {\"guest\": true}}\n{\"return\": [7], \"id\": 2}\n{\"return\": 1, "
      "\"id\": 2}\n");
  ASSERT_TRUE(Until([&] { return !answer.empty(); }));
  EXPECT_EQ(answer, "[7]");
  EXPECT_EQ(refused, "QEMU command query-y: no such thing");
  EXPECT_EQ(events_, std::vector<std::string>{"SHUTDOWN{\"guest\":true}"});
}

TEST_F(QmpTest, TellsEveryWaiterWhenQemuDies) {
  std::string text;
  qmp_->Execute("stop", nlohmann::json::object(),
                [&](const Result<nlohmann::json>& value) { text = value.error().Text(); });
  ends_.theirs.Reset();
  ASSERT_TRUE(Until([&] { return closed_; }));
  EXPECT_EQ(text, "QEMU command stop: it hung up");
  qmp_->Execute("cont", nlohmann::json::object(),
                [&](const Result<nlohmann::json>& value) { text = value.error().Text(); });
  EXPECT_EQ(text, "QEMU command cont: QEMU is gone");
}

// ── the agent's link; the test plays the agent ──

constexpr uint32_t kWindow = 1000;

class LinkTest : public VmTest {
 protected:
  void SetUp() override {
    link_ = *AgentLink::Create(*loop_, std::move(ends_.ours), 7, kWindow,
                               {.ready = [this](const wire::AgentHello& hello) { release_ = hello.release; },
                                .log = {},
                                .lost = [this](const Error& error) { lost_ = error.Text(); }});
  }
  void Say(const std::string& bytes) { ASSERT_TRUE(sys::WriteAll(ends_.theirs.get(), bytes)); }
  template <class M>
  void Say(uint32_t channel, const M& message) {
    std::string bytes;
    ASSERT_TRUE(wire::Encode(bytes, channel, message));
    Say(bytes);
  }
  void Greet(wire::AgentHello hello = {.window = 10, .release = "6.1.0"}) {
    std::string bytes = "boot noise\n";
    wire::AppendSync(bytes);
    ASSERT_TRUE(wire::Encode(bytes, wire::kNoChannel, hello));
    Say(bytes);
    ASSERT_TRUE(Until([this] { return !release_.empty() || !lost_.empty(); }));
  }
  // The next frame that the host sent.
  wire::Frame Next() {
    for (;;) {
      if (auto frame = host_.Pop()) {
        payload_ = frame->payload;
        frame->payload = payload_;
        return *frame;
      }
      char buffer[4096];
      const size_t count = *sys::ReadSome(ends_.theirs.get(), buffer, sizeof buffer);
      host_.Push(std::string_view(buffer, count));
    }
  }
  std::string release_;
  std::string lost_;
  std::string payload_;
  wire::Decoder host_{wire::kMaxMessage};
  std::unique_ptr<AgentLink> link_;
};

TEST_F(LinkTest, GreetsAndAnswersRequests) {
  Greet();
  EXPECT_EQ(release_, "6.1.0");
  std::optional<Result<>> done;
  link_->Request(wire::Mount{.source = "x", .target = "/y", .fstype = "9p"}, wire::kChained,
                 [&](Result<> result) { done = std::move(result); });
  EXPECT_EQ(Next().type, wire::Type::kHello);
  const wire::Frame mount = Next();
  EXPECT_EQ(mount.type, wire::Type::kMount);
  EXPECT_EQ(mount.flags, wire::kChained);
  Say(99, wire::Reply{.error = 5, .what = "for nobody"});
  Say(mount.channel, wire::Reply{.error = 19, .what = "mount 9p x on /y\x1b[2J"});
  ASSERT_TRUE(Until([&] { return done.has_value(); }));
  EXPECT_EQ(done->error().Text(), "in the guest: mount 9p x on /y\\x1b[2J: No such device");
}

TEST_F(LinkTest, RefusesAnotherVersionInWords) {
  Greet({.prefix = {.version = 900, .min_version = 900, .build = "future"}});
  EXPECT_EQ(release_, "");
  EXPECT_NE(lost_.find("900"), std::string::npos) << lost_;
}

TEST_F(LinkTest, ALyingLengthEndsTheLink) {
  Greet();
  Say(std::string("\xff\xff\xff\x7fxxxxxxxxxxxxxxxx", 20));
  ASSERT_TRUE(Until([&] { return !lost_.empty(); }));
  EXPECT_NE(lost_.find("broke the agent's protocol"), std::string::npos) << lost_;
  EXPECT_FALSE(link_->is_open());
}

TEST_F(LinkTest, TellsWhenTheGuestIsReset) {
  Greet();
  std::string again;
  wire::AppendSync(again);
  ASSERT_TRUE(wire::Encode(again, wire::kNoChannel,
                           wire::AgentHello{.window = 10, .started_ns = 5, .release = "6.1.0"}));
  Say(again);
  ASSERT_TRUE(Until([&] { return !lost_.empty(); }));
  EXPECT_NE(lost_.find("restarted"), std::string::npos);
}

TEST_F(LinkTest, ACommandKeepsToItsWindows) {
  Greet();
  std::string out;
  std::string broken;
  std::optional<wire::Exited> exited;
  GuestCommand command(*link_, {.argv = {"cat"}}, 0, kWindow,
                       {.started = {},
                        .output = [&](uint8_t, std::string_view bytes) { out += bytes; },
                        .input_room = {},
                        .input_closed = {},
                        .exited = [&](const wire::Exited& end) { exited = end; },
                        .broken = [&](const Error& error) { broken = error.Text(); }});
  EXPECT_EQ(Next().type, wire::Type::kHello);
  const wire::Frame exec = Next();
  EXPECT_EQ(wire::Decode<wire::Exec>(exec.payload)->argv, std::vector<std::string>{"cat"});
  EXPECT_EQ(command.input_room(), 10U);
  command.SendInput("0123456789");
  EXPECT_EQ(command.input_room(), 0U);
  Say(exec.channel, wire::Credit{.stream = wire::kStdin, .bytes = 4'000'000'000});
  ASSERT_TRUE(Until([&] { return command.input_room() > 0; }));
  EXPECT_EQ(command.input_room(), 10U);  // More than the window is not believed.

  std::string data;
  wire::AppendData(data, exec.channel, wire::kStdout, std::string(600, 'x'));
  Say(data);
  ASSERT_TRUE(Until([&] { return out.size() == 600; }));
  EXPECT_EQ(Next().type, wire::Type::kData);
  command.Consumed(wire::kStdout, 600);
  const wire::Frame credit = Next();
  EXPECT_EQ(wire::Decode<wire::Credit>(credit.payload)->bytes, 600U);
  Say(data);
  Say(data);  // 1200 unconsumed bytes against a window of 1000.
  ASSERT_TRUE(Until([&] { return !broken.empty(); }));
  EXPECT_EQ(out.size(), 1200U);
  Say(exec.channel, wire::Exited{.code = 3});
  ASSERT_TRUE(Until([&] { return exited.has_value(); }));
  EXPECT_EQ(exited->code, 3U);
}

// ── QEMU's process; a shell plays QEMU ──

class ShellSpawner final : public sys::Spawner {
 public:
  explicit ShellSpawner(std::string script) : script_(std::move(script)) {}
  Result<sys::Child> Spawn(const sys::Command& command) override {
    sys::Command shell = command;
    shell.argv = {"sh", "-c", script_};
    return real_.Spawn(shell);
  }

 private:
  std::string script_;
  sys::SystemSpawner real_;
};

TEST_F(VmTest, AProcessTellsItsConsoleAndItsEnd) {
  ShellSpawner spawner(
      "echo hello >&3; echo 'bad luck' >&2; "
      "echo '{\"event\": \"SHUTDOWN\", \"data\": {\"guest\": true, \"reason\": \"guest-reset\"}}' >&5; exit "
      "1");
  machine::Machine machine;
  machine.kernel_path = "/vmlinux";
  std::string console;
  std::optional<QemuEnd> end;
  const auto process =
      QemuProcess::Start(*loop_, spawner, "/qemu", machine, machine::QemuFeatures::Everything(),
                         {.console = [&](std::string_view bytes) { console += bytes; },
                          .ended = [&](const QemuEnd& how) { end = how; }});
  ASSERT_TRUE(process) << process.error().Text();
  ASSERT_TRUE(Until([&] { return end.has_value(); }));
  EXPECT_EQ(console, "hello\n");
  EXPECT_EQ(end->status.code, 1);
  EXPECT_EQ(end->errors, "bad luck\n");
  EXPECT_EQ(end->shutdown, Shutdown::kGuestReset);
}

// Ends what it keeps when it is told to, as another process would.
class FakeKeeper final : public QemuKeeper {
 public:
  explicit FakeKeeper(sys::Fd news) : news_(std::move(news)) {}
  int descriptor() const override { return news_.get(); }
  int pid() const override { return 42; }
  std::optional<sys::ExitStatus> Poll() override { return status; }
  void Kill() override { status = sys::ExitStatus{.signal = 9}; }
  void Stop(Duration, const std::function<void()>&) override { Kill(); }
  std::optional<sys::ExitStatus> status;

 private:
  sys::Fd news_;
};

TEST_F(VmTest, ARunningProcessChangesHands) {
  ShellSpawner spawner(
      "read -r word <&5; echo '{\"return\": {}, \"id\": 1}' >&5; echo before >&3; "
      "read -r word <&5; echo \"$word\" >&3; exec 3>&- 4>&- 5>&-; sleep 60");
  machine::Machine machine;
  machine.kernel_path = "/vmlinux";
  std::string before;
  bool first_ended = false;
  const auto first =
      QemuProcess::Start(*loop_, spawner, "/qemu", machine, machine::QemuFeatures::Everything(),
                         {.console = [&](std::string_view bytes) { before += bytes; },
                          .ended = [&](const QemuEnd&) { first_ended = true; }});
  ASSERT_TRUE(first) << first.error().Text();
  ASSERT_TRUE(Until([&] { return before == "before\n" && (*first)->qmp().is_idle(); }));
  QemuChannels channels = (*first)->ReleaseChannels();
  channels.agent = (*first)->TakeAgentFd();

  std::string after;
  std::optional<QemuEnd> end;
  auto keeper = std::make_unique<FakeKeeper>(std::move(ends_.ours));
  FakeKeeper* keeps = keeper.get();
  const auto second = QemuProcess::Adopt(*loop_, std::move(channels), std::move(keeper), {"/qemu", "-x"},
                                         {.console = [&](std::string_view bytes) { after += bytes; },
                                          .ended = [&](const QemuEnd& how) { end = how; }});
  ASSERT_TRUE(second) << second.error().Text();
  EXPECT_EQ((*second)->argv().size(), 2U);
  ASSERT_TRUE(Until([&] { return !after.empty(); }));
  EXPECT_EQ(before, "before\n");
  EXPECT_NE(after.find("qmp_capabilities"), std::string::npos);
  // The one who started it still ends it and hears of that.
  (*first)->Kill();
  ASSERT_TRUE(Until([&] { return first_ended; }));
  keeps->status = sys::ExitStatus{.signal = 9};
  ASSERT_TRUE(sys::WriteAll(ends_.theirs.get(), "!"));
  ASSERT_TRUE(Until([&] { return end.has_value(); }));
  EXPECT_EQ(end->status.signal, 9);
}

TEST_F(VmTest, AHelperThatKeepsAChannelOpenDoesNotHoldUpTheEnd) {
  ShellSpawner spawner("sleep 60 & exit 0");
  machine::Machine machine;
  machine.kernel_path = "/vmlinux";
  bool ended = false;
  const auto process = QemuProcess::Start(
      *loop_, spawner, "/qemu", machine, machine::QemuFeatures::Everything(),
      {.console = [](std::string_view) {}, .ended = [&](const QemuEnd&) { ended = true; }});
  ASSERT_TRUE(process);
  EXPECT_TRUE(Until([&] { return ended; }));
}

}  // namespace
}  // namespace kiln::vm
