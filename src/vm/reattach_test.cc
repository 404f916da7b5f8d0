#include "vm/reattach.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <map>

#include "base/strings.h"

namespace kiln::vm {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

/// QEMU's end of the test protocol: the PCI bus of a PC, legacy virtio devices on it, memory, and a 9p server
/// that notes what it is asked.
class FakeQemu {
 public:
  struct Device {
    std::string tag;
    uint32_t queue_size = 128;
    uint32_t bar = 0;
    uint32_t command = 0;
    uint32_t status = 0;
    uint64_t queue = 0;
  };

  FakeQemu(sys::Loop& loop, sys::Fd fd) {
    stream_ = *sys::Stream::Create(
        loop, std::move(fd),
        {.bytes = [this](std::string_view bytes) { Receive(bytes); }, .closed = [](std::string_view) {}});
    for (size_t i = 0; i < memory_.size(); ++i) memory_[i] = static_cast<unsigned char>(i * 7 + i / 256);
  }

  std::map<unsigned, Device> devices;  // By their slots.
  std::vector<std::string> asked;      // "version 512000 9P2000.L", "attach 0 of nobody (-1)".
  bool refuses = false;                // What is attached to.
  bool hangs_up = false;               // At the first request.
  int busy = 2;                        // So often the queue is looked at before the server is done.
  std::vector<unsigned char> memory_ = std::vector<unsigned char>(0x2'0000);

 private:
  static constexpr uint32_t kKick = 16;

  void Receive(std::string_view bytes) {
    buffer_ += bytes;
    for (size_t end = 0; (end = buffer_.find('\n')) != std::string::npos; buffer_.erase(0, end + 1)) {
      const std::string line = buffer_.substr(0, end);
      const std::string answer = Answer(SplitBlank(line));
      if (!stream_->is_open()) return;
      stream_->Write(answer + "\nIRQ raise 4\n");
    }
  }

  static uint64_t Number(std::string_view text) {
    if (ConsumePrefix(text, "0x")) return *ParseUnsigned(text, 16);
    return *ParseUnsigned(text);
  }

  std::string Answer(const std::vector<std::string_view>& raw) {
    const std::vector<std::string> words(raw.begin(), raw.end());
    const std::string& verb = words[0];
    const uint64_t at = Number(words[1]);
    if (verb.starts_with("out"))
      return Out(static_cast<uint32_t>(at), static_cast<uint32_t>(Number(words[2])));
    if (verb.starts_with("in")) return fmt::format("OK {:#06x}", In(static_cast<uint32_t>(at)));
    if (verb == "readb") return fmt::format("OK {:#x}", memory_[at]);
    if (verb == "readw") {
      if (busy > 0 && --busy == 0) Serve();
      return fmt::format("OK {:#x}", Get(at, 2));
    }
    const uint64_t size = Number(words[2]);
    // In another alphabet than that of base64: it is only given back.
    if (verb == "b64read") {
      std::string text = "OK ";
      for (uint64_t i = 0; i < size; ++i) text += fmt::format("{:02x}", memory_[at + i]);
      return text;
    }
    if (verb == "write" || verb == "b64write") {
      const std::string digits = verb == "write" ? words[3].substr(2) : words[3];
      EXPECT_EQ(digits.size(), 2 * size);
      for (uint64_t i = 0; i < size; ++i)
        memory_[at + i] = static_cast<unsigned char>(*ParseUnsigned(digits.substr(2 * i, 2), 16));
      return "OK";
    }
    return "FAIL Unknown command '" + verb + "'";
  }

  Device* Selected() {
    const auto found = devices.find((address_ >> 11) & 31);
    return found == devices.end() ? nullptr : &found->second;
  }

  Device* At(uint32_t port) {
    for (auto& [slot, device] : devices)
      if ((device.command & 1) != 0 && port >= device.bar && port < device.bar + 64) return &device;
    return nullptr;
  }

  std::string Out(uint32_t port, uint32_t value) {
    if (port == 0xcf8) {
      address_ = value;
    } else if (port == 0xcfc) {
      if (Device* device = Selected()) ((address_ & 0xff) == 0x10 ? device->bar : device->command) = value;
    } else if (Device* device = At(port)) {
      const uint32_t reg = port - device->bar;
      if (reg == 8) device->queue = uint64_t{value} << 12;
      if (reg == 18) device->status = value;
      if (reg == kKick) kicked_ = device;
      if (reg == kKick && hangs_up) stream_->Close();
    }
    return "OK";
  }

  uint32_t In(uint32_t port) {
    if (port == 0xcfc) return Selected() != nullptr && (address_ & 0xff) == 0 ? 0x10091af4 : 0xffffffff;
    const Device* device = At(port);
    if (device == nullptr) return 0xff;
    const uint32_t reg = port - device->bar;
    if (reg == 12) return device->queue_size;
    if (reg == 20) return static_cast<uint32_t>(device->tag.size());
    return reg >= 22 && reg - 22 < device->tag.size() ? static_cast<unsigned char>(device->tag[reg - 22]) : 0;
  }

  uint64_t Get(uint64_t at, int bytes) const {
    uint64_t value = 0;
    for (int i = 0; i < bytes; ++i) value |= uint64_t{memory_[at + static_cast<uint64_t>(i)]} << (8 * i);
    return value;
  }

  std::string GetText(uint64_t& at) const {
    const uint64_t size = Get(at, 2);
    std::string text(reinterpret_cast<const char*>(&memory_[at + 2]), size);
    at += 2 + size;
    return text;
  }

  // Takes what is available, as VIRTIO 1.2, 2.7 has it, and answers.
  void Serve() {
    ASSERT_NE(kicked_, nullptr);
    EXPECT_EQ(kicked_->status, 7U);
    const uint64_t size = kicked_->queue_size;
    const uint64_t available = kicked_->queue + 16 * size;
    const uint64_t used = (available + 6 + 2 * size + 4095) & ~uint64_t{4095};
    const uint64_t count = Get(available + 2, 2);
    for (uint64_t i = 0; i < count; ++i) {
      const uint64_t head = Get(available + 4 + 2 * i, 2);
      const uint64_t request = kicked_->queue + 16 * head;
      const uint64_t reply = kicked_->queue + 16 * Get(request + 14, 2);
      EXPECT_EQ(Get(request + 12, 2), 1U);
      EXPECT_EQ(Get(reply + 12, 2), 2U);
      const auto type = Ask(Get(request, 8), Get(request + 8, 4));
      memory_[Get(reply, 8) + 4] = type;
      memory_[used + 4 + 8 * i] = static_cast<unsigned char>(head);
    }
    memory_[used + 2] = static_cast<unsigned char>(count);
  }

  unsigned char Ask(uint64_t at, uint64_t size) {
    EXPECT_EQ(Get(at, 4), size);
    const auto type = static_cast<unsigned char>(Get(at + 4, 1));
    uint64_t body = at + 7;
    if (type == 100) {
      body += 4;
      asked.push_back(fmt::format("version {} {}", Get(at + 7, 4), GetText(body)));
    } else {
      EXPECT_EQ(type, 104);
      EXPECT_EQ(Get(body + 4, 4), 0xffffffffU);
      body += 8;
      const std::string user = GetText(body);
      EXPECT_EQ(GetText(body), "");
      asked.push_back(
          fmt::format("attach {} of {} ({})", Get(at + 7, 4), user, static_cast<int32_t>(Get(body, 4))));
      if (refuses) return 7;  // Rlerror.
    }
    return type + 1;
  }

  std::unique_ptr<sys::Stream> stream_;
  std::string buffer_;
  uint32_t address_ = 0;
  Device* kicked_ = nullptr;
};

class LoopTest : public testing::Test {
 protected:
  SystemClock clock_;
  std::unique_ptr<sys::Loop> loop_ = *sys::Loop::Create(clock_);
  sys::SocketEnds ends_ = *sys::SocketPair();
};

class ReattachTest : public LoopTest {
 protected:
  // Empty: it worked.
  std::string Try() {
    std::optional<std::string> end;
    Reattach(*qtest_, {.tag = "kroot", .message_bytes = 512'000},
             [&](const Result<>& result) { end = result ? "" : result.error().Text(); });
    EXPECT_TRUE(*loop_->RunUntil([&] { return end.has_value(); }, clock_.Now() + seconds(20)));
    return end.value_or("no end");
  }

  FakeQemu qemu_{*loop_, std::move(ends_.theirs)};
  std::unique_ptr<Qtest> qtest_ = *Qtest::Create(*loop_, std::move(ends_.ours));
};

TEST_F(ReattachTest, AttachesAsTheGuestHadAndGivesTheMemoryBack) {
  qemu_.devices = {{3, {.tag = "kother"}}, {4, {.tag = "kroo2"}}, {9, {.tag = "kroot"}}, {31, {.tag = "k"}}};
  const auto before = qemu_.memory_;
  EXPECT_EQ(Try(), "");
  EXPECT_THAT(qemu_.asked,
              ElementsAre("version 512000 9P2000.L", "attach 0 of nobody (-1)", "attach 1 of  (0)"));
  EXPECT_TRUE(qemu_.memory_ == before);
  EXPECT_EQ(qemu_.devices[3].command, 0U);
  EXPECT_EQ(qemu_.devices[9].status, 7U);
}

TEST_F(ReattachTest, SaysWhenThereIsNoSuchShare) {
  qemu_.devices = {{3, {.tag = "kother"}}};
  EXPECT_EQ(Try(), "attaching to the share kroot: none of the machine's 1 9p devices has it");
}

TEST_F(ReattachTest, SaysWhenTheServerRefuses) {
  qemu_.devices = {{3, {.tag = "kroot"}}};
  qemu_.refuses = true;
  EXPECT_EQ(Try(), "attaching to the share kroot: QEMU answered request 1 with a message of type 7");
}

TEST_F(ReattachTest, AQueueThatItCantUseIsLeftAlone) {
  for (const uint32_t size : {0U, 4U, 1U << 15U}) {
    qemu_.devices = {{3, {.tag = "kroot", .queue_size = size}}};
    EXPECT_THAT(Try(), HasSubstr(fmt::format("queue has {} entries", size)));
  }
  EXPECT_TRUE(qemu_.asked.empty());
}

TEST_F(ReattachTest, SaysWhenQemuIsGone) {
  qemu_.devices = {{3, {.tag = "kroot"}}};
  qemu_.hangs_up = true;
  EXPECT_EQ(Try(), "attaching to the share kroot: QEMU's test protocol: QEMU hung up");
  EXPECT_EQ(Try(), "attaching to the share kroot: QEMU's test protocol: QEMU is gone");
}

class QtestTest : public LoopTest {
 protected:
  std::string Told() {
    EXPECT_TRUE(*loop_->RunUntil([&] { return !told_.empty(); }, clock_.Now() + seconds(20)));
    return std::exchange(told_, {});
  }
  void Send(const std::vector<std::string>& lines) {
    qtest_->Send(lines, [this](const Result<Qtest::Answers>& answers) {
      told_ = answers ? Join(*answers, "|") : answers.error().Text();
    });
  }
  void Say(std::string_view text) { ASSERT_TRUE(sys::WriteAll(ends_.theirs.get(), text)); }

  std::unique_ptr<Qtest> qtest_ = *Qtest::Create(*loop_, std::move(ends_.ours));
  std::string told_;
};

TEST_F(QtestTest, AnswersComeInOrderAndInterruptsInBetween) {
  Send({"inl 0x1", "outl 0x1 0x2", "inb 0x3"});
  Say("IRQ lower 3\nOK 0x7\nOK\nIRQ raise 3\nOK 0x00ff\nOK 0x9\n");
  EXPECT_EQ(Told(), "0x7||0x00ff");
}

TEST_F(QtestTest, WhatIsNotObeyedIsNamed) {
  Send({"inl 0x1", "jump 0x2"});
  Say("OK 0x7\nFAIL Unknown command 'jump'\n");
  EXPECT_EQ(Told(), "QEMU's test protocol: \"jump 0x2\" was answered with \"FAIL Unknown command 'jump'\"");
}

TEST_F(QtestTest, AnEndlessLineIsNotKept) {
  Send({"inl 0x1"});
  const std::string much(size_t{64} << 10, 'x');
  for (int i = 0; i < 17 && told_.empty(); ++i) {
    Say(much);
    ASSERT_TRUE(loop_->RunUntil([] { return false; }, clock_.Now() + std::chrono::milliseconds(1)));
  }
  EXPECT_EQ(Told(), "QEMU's test protocol: an endless line");
}

}  // namespace
}  // namespace kiln::vm
