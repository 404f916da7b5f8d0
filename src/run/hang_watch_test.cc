#include "run/hang_watch.h"

#include <gtest/gtest.h>

namespace kiln::run {
namespace {

using std::chrono::seconds;

/// The test plays the guest.
class HangWatchTest : public testing::Test {
 protected:
  HangWatchTest() {
    std::string hello;
    wire::AppendSync(hello);
    EXPECT_TRUE(wire::Encode(hello, wire::kNoChannel, wire::AgentHello{.window = 10}));
    Say(hello);
    Turn();
    EXPECT_TRUE(greeted_);
    watch_.emplace(*loop_, clock_, *link_, seconds(30),
                   [this](Duration silence) { hung_.push_back(silence / seconds(1)); });
  }
  void Say(const std::string& bytes) { ASSERT_TRUE(sys::WriteAll(ends_.theirs.get(), bytes)); }
  void Answer(uint64_t token) {
    std::string pong;
    ASSERT_TRUE(wire::Encode(pong, wire::kNoChannel, wire::Pong{.token = token}));
    Say(pong);
  }
  // Everything that is due and has come is seen to.
  void Turn() {
    for (int i = 0; i < 3; ++i) {
      bool turned = false;
      loop_->Post([&turned] { turned = true; });
      ASSERT_TRUE(*loop_->RunUntil([&turned] { return turned; }));
    }
  }
  void Pass(int count) {
    for (int i = 0; i < count; ++i) {
      clock_.Advance(seconds(1));
      Turn();
    }
  }

  FakeClock clock_;
  std::unique_ptr<sys::Loop> loop_ = *sys::Loop::Create(clock_);
  sys::SocketEnds ends_ = *sys::SocketPair();
  bool greeted_ = false;
  std::unique_ptr<vm::AgentLink> link_ =
      *vm::AgentLink::Create(*loop_, std::move(ends_.ours), 7, 1000,
                             {.ready = [this](const wire::AgentHello&) { greeted_ = true; },
                              .log = {},
                              .lost = [](const Error& error) { FAIL() << error.Text(); }});
  std::optional<HangWatch> watch_;
  std::vector<int64_t> hung_;
};

TEST_F(HangWatchTest, AGuestThatAnswersNothingHangs) {
  Pass(35);
  EXPECT_TRUE(hung_.empty()) << "it was first asked after 5 s";
  Pass(5);
  EXPECT_EQ(hung_, std::vector<int64_t>{35});
  Pass(100);
  EXPECT_EQ(hung_.size(), 1U) << "told once";
}

TEST_F(HangWatchTest, AGuestThatAnswersDoesNot) {
  for (uint64_t token = 1; token <= 20; ++token) {
    Pass(5);
    Answer(token);
  }
  EXPECT_TRUE(hung_.empty());
}

TEST_F(HangWatchTest, NorOneThatOnlySpeaks) {
  std::string words;
  wire::AppendData(words, 99, wire::kStdout, "busy");
  for (int i = 0; i < 20; ++i) {
    Pass(20);
    Say(words);
  }
  EXPECT_TRUE(hung_.empty());
  Pass(45);
  EXPECT_EQ(hung_.size(), 1U);
}

}  // namespace
}  // namespace kiln::run
