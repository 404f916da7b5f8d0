#include "pool/service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

namespace kiln::pool {
namespace {

using nlohmann::json;
using std::chrono::hours;
using std::chrono::seconds;
using testing::HasSubstr;

class FakeStable;

class FakeClone final : public Clone {
 public:
  FakeClone(FakeStable& stable, Events events);
  ~FakeClone() override;
  int pid() const override { return pid_; }
  void Kill() override;
  Result<Handover> HandOver() override {
    if (restless) return MakeError(ErrorCode::kUnavailable, "it does not rest");
    sys::SocketEnds ends = *sys::SocketPair();
    Handover handover{.channels = {.console = *sys::Duplicate(ends.ours.get()),
                                   .agent = *sys::Duplicate(ends.ours.get()),
                                   .qmp = *sys::Duplicate(ends.ours.get()),
                                   .errors = std::move(ends.ours)},
                      .console = "words of the console\n",
                      .argv = {"/qemu", "-x"}};
    return handover;
  }
  Events events;
  bool restless = false;

 private:
  FakeStable& stable_;
  int pid_;
};

// Plans whatever is asked under the name of its kernel; its clones get ready when the test says so.
class FakeStable final : public Stable {
 public:
  explicit FakeStable(sys::Loop& on) : loop(on) {}
  Result<std::shared_ptr<const Shape>> Plan(const run::Request& request) override {
    if (plan_error) return *plan_error;
    auto shape = std::make_shared<Shape>();
    shape->key = "key of " + request.kernel + version;
    return std::shared_ptr<const Shape>(std::move(shape));
  }
  Result<std::unique_ptr<Clone>> Wake(std::shared_ptr<const Shape>, Clone::Events events) override {
    if (wake_error) return *wake_error;
    ++woken;
    return std::unique_ptr<Clone>(std::make_unique<FakeClone>(*this, std::move(events)));
  }
  uint64_t HeldBytes(int) override { return uint64_t{100} << 20; }
  uint64_t FreeBytes() override { return free_bytes; }

  sys::Loop& loop;
  std::vector<FakeClone*> alive;
  int woken = 0;
  std::string version;
  std::optional<Error> plan_error;
  std::optional<Error> wake_error;
  uint64_t free_bytes = uint64_t{8} << 30;
};

FakeClone::FakeClone(FakeStable& stable, Events told)
    : events(std::move(told)), stable_(stable), pid_(1000 + stable.woken) {
  stable.alive.push_back(this);
}
FakeClone::~FakeClone() { std::erase(stable_.alive, this); }
void FakeClone::Kill() {
  stable_.loop.Post([this, &stable = stable_] {
    if (std::ranges::find(stable.alive, this) != stable.alive.end()) events.ended({.signal = 9});
  });
}

class ServiceTest : public testing::Test {
 protected:
  void SetUp() override {
    loop_ = *sys::Loop::Create(clock_);
    folder_.emplace(*sys::TempDir::Create("/tmp", "kiln-pool-test"));
    stable_ = std::make_unique<FakeStable>(*loop_);
    service_ = *Service::Open(folder_->path(), *loop_, *stable_);
  }
  void TearDown() override { service_.reset(); }

  // Lets everything happen that can without time passing.
  void Settle() {
    for (int i = 0; i < 20; ++i) {
      bool turned = false;
      loop_->Post([&] { turned = true; });
      ASSERT_TRUE(loop_->RunUntil([&] { return turned; }).has_value());
    }
  }
  void Pass(Duration time) {
    clock_.Advance(time);
    Settle();
  }
  void Ready() {
    const auto clones = stable_->alive;
    for (FakeClone* clone : clones) {
      if (clone->events.ready) std::exchange(clone->events.ready, {})({});
    }
    Settle();
  }
  void Keep(const std::string& kernel, unsigned size) {
    service_->Add({.kernel = kernel}, size, [this](Result<> done) { added_.push_back(std::move(done)); });
    for (unsigned i = 0; i < size; ++i) Ready();
  }
  sys::Fd Dial() { return std::move(**run::ConnectToPool(folder_->path() + "/pool.sock", seconds(5))); }
  void Say(const sys::Fd& socket, std::string_view message) {
    ASSERT_TRUE(run::SendPacket(socket.get(), message).has_value());
    Settle();
  }
  run::PoolPacket Hear(const sys::Fd& socket) {
    auto packet = run::ReceivePacket(socket.get());
    EXPECT_TRUE(packet.has_value());
    return packet ? *std::move(packet) : run::PoolPacket{};
  }
  sys::Fd Borrow(const std::string& key) {
    sys::Fd socket = Dial();
    Say(socket, run::Encode(run::PoolQuestion{.kind = run::PoolQuestion::Kind::kLend, .key = key}));
    return socket;
  }
  Result<run::PoolAnswer> AskForWhatCannotBe() {
    stable_->plan_error = MakeError(ErrorCode::kUnsupported, "not that");
    run::PoolQuestion question{.kind = run::PoolQuestion::Kind::kAdd};
    question.request.kernel = "b";
    question.size = 1;
    const sys::Fd socket = Dial();
    Say(socket, run::Encode(question));
    return run::ParsePoolAnswer(Hear(socket).message);
  }
  json Machine(size_t index = 0) { return json::parse(service_->Status())["machines"].at(index); }

  FakeClock clock_;
  std::unique_ptr<sys::Loop> loop_;
  std::optional<sys::TempDir> folder_;
  std::unique_ptr<FakeStable> stable_;
  std::unique_ptr<Service> service_;
  std::vector<Result<>> added_;
};

TEST_F(ServiceTest, WakesOneAfterTheOther) {
  service_->Add({.kernel = "a"}, 2, [this](Result<> done) { added_.push_back(std::move(done)); });
  EXPECT_EQ(stable_->woken, 1);
  Ready();
  EXPECT_EQ(stable_->woken, 2);
  EXPECT_TRUE(added_.empty());
  Ready();
  ASSERT_EQ(added_.size(), 1U);
  EXPECT_TRUE(added_[0].has_value());
  EXPECT_EQ(Machine()["waiting"], 2);
  EXPECT_EQ(stable_->woken, 2);
}

TEST_F(ServiceTest, LendsOnlyTheMachineThatIsAskedFor) {
  Keep("a", 1);
  const sys::Fd other = Borrow("key of b");
  const auto refusal = run::ParsePoolAnswer(Hear(other).message);
  ASSERT_TRUE(refusal && refusal->error);
  EXPECT_EQ(refusal->error->code(), ErrorCode::kNotFound);
  const sys::Fd lease = Borrow("key of a");
  const auto packet = Hear(lease);
  EXPECT_EQ(packet.descriptors.size(), run::kMostPoolDescriptors);
  const auto answer = run::ParsePoolAnswer(packet.message);
  ASSERT_TRUE(answer && !answer->error);
  EXPECT_EQ(answer->text, "words of the console\n");
  EXPECT_EQ(answer->argv.size(), 2U);
  EXPECT_EQ(Machine()["lent"], 1);
}

TEST_F(ServiceTest, TheEndOfTheLeaseEndsTheClone) {
  Keep("a", 1);
  sys::Fd lease = Borrow("key of a");
  lease.Reset();
  Settle();
  EXPECT_EQ(Machine()["lent"], 0);
  EXPECT_EQ(stable_->woken, 2);  // At once, as nobody runs.
  EXPECT_EQ(stable_->alive.size(), 1U);
}

TEST_F(ServiceTest, ARunHasTheCpusToItselfFirst) {
  Keep("a", 1);
  const sys::Fd lease = Borrow("key of a");
  EXPECT_EQ(stable_->woken, 1);
  Pass(seconds(1));
  EXPECT_EQ(stable_->woken, 2);
}

TEST_F(ServiceTest, TellsTheEndOfALentClone) {
  Keep("a", 1);
  const sys::Fd lease = Borrow("key of a");
  (void)Hear(lease);
  stable_->alive[0]->events.ended({.code = 1});
  Settle();
  const auto end = run::ParsePoolEnd(Hear(lease).message);
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->code, 1);
}

TEST_F(ServiceTest, AWaitingCloneThatDiesIsReplaced) {
  Keep("a", 1);
  stable_->alive[0]->events.ended({.signal = 9});
  Settle();
  EXPECT_EQ(stable_->woken, 2);
  EXPECT_THAT(Machine()["problem"].get<std::string>(), HasSubstr("signal 9"));
}

TEST_F(ServiceTest, ACloneThatDoesNotRestIsNotLent) {
  Keep("a", 1);
  stable_->alive[0]->restless = true;
  const sys::Fd lease = Borrow("key of a");
  EXPECT_TRUE(run::ParsePoolAnswer(Hear(lease).message)->error.has_value());
  EXPECT_EQ(stable_->woken, 2);
}

TEST_F(ServiceTest, AnotherKernelAndOldAgeReplaceClones) {
  Keep("a", 1);
  stable_->version = " built anew";
  Pass(seconds(21));
  EXPECT_EQ(Machine()["key"], "key of a built anew");
  EXPECT_EQ(stable_->woken, 2);
  Ready();
  Pass(hours(2));
  EXPECT_EQ(stable_->woken, 3);
}

TEST_F(ServiceTest, AMachineThatCannotBePlannedIsNoLongerLent) {
  Keep("a", 1);
  stable_->plan_error = MakeError(ErrorCode::kNotFound, "the kernel is gone");
  Pass(seconds(21));
  EXPECT_TRUE(stable_->alive.empty());
  EXPECT_EQ(Machine()["problem"], "the kernel is gone");
  stable_->plan_error.reset();
  Pass(seconds(21));
  EXPECT_EQ(stable_->woken, 2);
}

TEST_F(ServiceTest, RefusesMoreThanMemoryHolds) {
  stable_->free_bytes = uint64_t{1} << 30;
  Keep("a", 64);
  ASSERT_EQ(added_.size(), 1U);
  ASSERT_FALSE(added_[0].has_value());
  EXPECT_EQ(added_[0].error().code(), ErrorCode::kNoSpace);
  EXPECT_EQ(added_[0].error().hint(), "--size 5 fits");
  EXPECT_EQ(stable_->woken, 0);
}

TEST_F(ServiceTest, ARefusalEndsTheServiceThatKeepsNothing) {
  const auto refused = AskForWhatCannotBe();
  ASSERT_TRUE(refused && refused->error);
  EXPECT_EQ(refused->error->Text(), "not that");
  EXPECT_TRUE(service_->has_ended());
}

TEST_F(ServiceTest, ARefusalEndsNoServiceThatKeepsSomething) {
  Keep("a", 1);
  const auto refused = AskForWhatCannotBe();
  ASSERT_TRUE(refused && refused->error);
  EXPECT_EQ(refused->error->Text(), "not that");
  EXPECT_FALSE(service_->has_ended());
}

TEST_F(ServiceTest, AMachineThatNeverGetsReadyIsNotKept) {
  service_->Add({.kernel = "a"}, 1, [this](Result<> done) { added_.push_back(std::move(done)); });
  std::exchange(stable_->alive[0]->events.ready, {})(MakeError(ErrorCode::kTimeout, "too slow"));
  Settle();
  ASSERT_EQ(added_.size(), 1U);
  EXPECT_THAT(added_[0].error().Text(), HasSubstr("too slow"));
  EXPECT_TRUE(json::parse(service_->Status())["machines"].empty());
  Pass(seconds(60));
  EXPECT_TRUE(service_->has_ended());
}

TEST_F(ServiceTest, RetriesLaterAndLaterOnceItHasWorked) {
  Keep("a", 1);
  stable_->wake_error = MakeError(ErrorCode::kIo, "no process");
  stable_->alive[0]->events.ended({.signal = 9});
  Settle();
  EXPECT_EQ(Machine()["problem"], "no process");
  stable_->wake_error.reset();
  Pass(seconds(1));
  EXPECT_EQ(stable_->woken, 1);
  Pass(seconds(2));
  EXPECT_EQ(stable_->woken, 2);
}

TEST_F(ServiceTest, StopLetsWhatIsLentFinish) {
  Keep("a", 2);
  sys::Fd lease = Borrow("key of a");
  service_->Stop(false);
  Settle();
  EXPECT_EQ(stable_->alive.size(), 1U);
  EXPECT_FALSE(service_->has_ended());
  EXPECT_TRUE(run::ParsePoolAnswer(Hear(Borrow("key of a")).message)->error.has_value());
  lease.Reset();
  Settle();
  EXPECT_TRUE(service_->has_ended());
}

TEST_F(ServiceTest, StopNowEndsAll) {
  Keep("a", 2);
  const sys::Fd lease = Borrow("key of a");
  (void)Hear(lease);
  service_->Stop(true);
  Settle();
  EXPECT_TRUE(service_->has_ended());
  EXPECT_TRUE(stable_->alive.empty());
}

TEST_F(ServiceTest, StartAgainChangesTheSizeOrAddsAMachine) {
  Keep("a", 2);
  Keep("a", 1);
  EXPECT_EQ(Machine()["waiting"], 1);
  Keep("b", 1);
  EXPECT_EQ(Machine(1)["key"], "key of b");
  EXPECT_EQ(json::parse(service_->Status())["machines"].size(), 2U);
}

TEST_F(ServiceTest, NonsenseIsRefused) {
  Keep("a", 1);
  for (const std::string& message :
       {std::string("{"), std::string("[]"), std::string(R"({"schema":1,"ask":"dance"})"),
        std::string(R"({"schema":7,"ask":"status"})"),
        std::string(R"({"schema":1,"ask":"add","size":99999})"), std::string(200'000, '['),
        std::string("\0\xff", 2)}) {
    const sys::Fd socket = Dial();
    Say(socket, message);
    const auto packet = run::ReceivePacket(socket.get());
    ASSERT_TRUE(packet.has_value());
    if (packet->message.empty()) continue;  // Too long to be answered.
    EXPECT_TRUE(run::ParsePoolAnswer(packet->message)->error.has_value()) << message.substr(0, 80);
  }
  EXPECT_EQ(Machine()["waiting"], 1);
}

TEST_F(ServiceTest, OneServiceForAFolder) {
  const auto second = Service::Open(folder_->path(), *loop_, *stable_);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code(), ErrorCode::kBusy);
  struct stat info{};
  ASSERT_EQ(::stat((folder_->path() + "/pool.sock").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  service_.reset();
  EXPECT_FALSE(sys::Exists(folder_->path() + "/pool.sock"));
  // What a killed one leaves is replaced.
  ASSERT_TRUE(sys::WriteFileAtomic(folder_->path() + "/pool.sock", "").has_value());
  service_ = *Service::Open(folder_->path(), *loop_, *stable_);
  EXPECT_TRUE(run::ConnectToPool(folder_->path() + "/pool.sock", seconds(1))->has_value());
}

TEST_F(ServiceTest, NobodyIsConnectedWhereNobodyListens) {
  EXPECT_FALSE(run::ConnectToPool(folder_->path() + "/none", seconds(1))->has_value());
  service_.reset();
  EXPECT_FALSE(run::ConnectToPool(folder_->path() + "/pool.sock", seconds(1))->has_value());
  EXPECT_FALSE(run::ConnectToPool(std::string(300, 'x'), seconds(1))->has_value());
}

}  // namespace
}  // namespace kiln::pool
