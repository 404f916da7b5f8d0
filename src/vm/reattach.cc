#include "vm/reattach.h"

#include <array>
#include <memory>
#include <optional>

#include "base/strings.h"

namespace kiln::vm {
namespace {

// ── where things are while the machine has not begun ──

constexpr unsigned kPciSlots = 32;
constexpr unsigned kSlotsAtOnce = 8;
constexpr uint32_t kVirtio9p = 0x1009'1af4;  // Device 0x1009 (transitional, 9p) of vendor 0x1af4.
constexpr uint32_t kPciAddress = 0xcf8;
constexpr uint32_t kPciData = 0xcfc;
constexpr uint32_t kPciCommand = 4;
constexpr uint32_t kPciBar0 = 0x10;
constexpr uint32_t kPortsMemoryAndMaster = 7;
/// Free: no device has been given ports yet, and those that have their own are below 0x1000.
constexpr uint32_t kPorts = 0xc000;

// Registers of a legacy virtio device, from kPorts on.
constexpr uint32_t kGuestFeatures = 4;
constexpr uint32_t kQueueAddress = 8;
constexpr uint32_t kQueueSize = 12;
constexpr uint32_t kQueueSelect = 14;
constexpr uint32_t kQueueNotify = 16;
constexpr uint32_t kStatus = 18;
constexpr uint32_t kConfig = 20;  // Without MSI-X.
constexpr uint32_t kAcknowledgeAndDriver = 3;
constexpr uint32_t kDriverOk = 7;

/// Guest memory that is lent: below 640 KiB, where there is RAM in every PC.
constexpr uint64_t kLent = 0x1'0000;
constexpr uint64_t kQueueAlign = 0x1000;
constexpr uint64_t kMessageRoom = 128;  // For each request and each reply.
constexpr uint32_t kMostQueue = 1024;

// ── 9P2000.L ──

constexpr uint8_t kVersion = 100;
constexpr uint8_t kAttach = 104;
constexpr uint16_t kNoTag = 0xffff;
constexpr uint32_t kNoFid = 0xffff'ffff;
constexpr uint32_t kNoUser = 0xffff'ffff;
constexpr size_t kTypeAt = 4;

template <class Number>
std::string Little(Number number) {
  std::string bytes;
  for (size_t i = 0; i < sizeof number; ++i) bytes += static_cast<char>((number >> (8 * i)) & 0xff);
  return bytes;
}

std::string Text(std::string_view text) {
  return Little(static_cast<uint16_t>(text.size())) + std::string(text);
}

std::string Message(uint8_t type, uint16_t tag, std::string_view body) {
  const auto size = static_cast<uint32_t>(4 + 1 + 2 + body.size());
  return Little(size) + Little(type) + Little(tag) + std::string(body);
}

std::string AttachMessage(uint32_t fid, std::string_view user_name, uint32_t user) {
  return Message(kAttach, static_cast<uint16_t>(fid),
                 Little(fid) + Little(kNoFid) + Text(user_name) + Text("") + Little(user));
}

std::array<std::string, 3> Messages(const MountedShare& share) {
  return {Message(kVersion, kNoTag, Little(share.message_bytes) + Text("9P2000.L")),
          AttachMessage(0, "nobody", kNoUser), AttachMessage(1, "", 0)};
}
constexpr size_t kMessages = std::tuple_size_v<decltype(Messages({}))>;

// ── lines of the test protocol ──

std::string Line(std::string_view verb, uint64_t address, uint64_t value) {
  return fmt::format("{} {:#x} {:#x}", verb, address, value);
}

std::string Write(uint64_t address, std::string_view bytes) {
  std::string line = fmt::format("write {:#x} {:#x} 0x", address, bytes.size());
  for (const char byte : bytes) line += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return line;
}

std::string In(std::string_view width, uint32_t reg) {
  return fmt::format("in{} {:#x}", width, kPorts + reg);
}
std::string Out(std::string_view width, uint32_t reg, uint64_t value) {
  return Line(fmt::format("out{}", width), kPorts + reg, value);
}

uint64_t Number(std::string_view answer) {
  ConsumePrefix(answer, "0x");
  return ParseUnsigned(answer, 16).value_or(0);
}

/// Where the parts of the one queue and its messages are, for a queue of `size` entries, and what of that is
/// written to.
struct Layout {
  explicit Layout(uint32_t size)
      : available(kLent + uint64_t{16} * size),
        used((available + 6 + uint64_t{2} * size + kQueueAlign - 1) / kQueueAlign * kQueueAlign) {}
  static constexpr uint64_t kUsedBytes = 4 + 8 * kMessages;
  uint64_t request(size_t i) const { return used + kUsedBytes + i * kMessageRoom; }
  uint64_t reply(size_t i) const { return request(kMessages + i); }
  struct Piece {
    uint64_t address;
    uint64_t bytes;
  };
  std::array<Piece, 3> pieces() const {
    return {Piece{kLent, 16 * 2 * kMessages}, Piece{available, 4 + 2 * kMessages},
            Piece{used, kUsedBytes + 2 * kMessages * kMessageRoom}};
  }
  uint64_t available;
  uint64_t used;
};

// The steps, each the answer to the one before; lives until the last. A line costs a change of processes and
// back, so there are few.
class Reattaching : public std::enable_shared_from_this<Reattaching> {
 public:
  Reattaching(Qtest& qtest, const MountedShare& share, std::function<void(Result<>)> told)
      : qtest_(qtest), share_(share), told_(std::move(told)) {}

  void Begin() { Scan(0); }

 private:
  using Next = std::function<void(const Qtest::Answers&)>;

  void Send(const std::vector<std::string>& lines, Next next) {
    qtest_.Send(lines,
                [self = shared_from_this(), next = std::move(next)](const Result<Qtest::Answers>& answers) {
                  if (!answers) return self->End(answers.error());
                  next(*answers);
                });
  }

  void End(Result<> result) {
    if (!result)
      result = std::move(result).error().Context(fmt::format("attaching to the share {}", share_.tag));
    std::exchange(told_, {})(std::move(result));
  }

  static std::string Select(unsigned slot, uint32_t reg) {
    return Line("outl", kPciAddress, 0x8000'0000U | slot << 11U | reg);
  }

  // Asks a few slots what is in them, from `first` on.
  void Scan(unsigned first) {
    if (first == kPciSlots)
      return End(MakeError(ErrorCode::kUnsupported, "none of the machine's {} 9p devices has it", seen_));
    std::vector<std::string> lines;
    for (unsigned slot = first; slot < first + kSlotsAtOnce; ++slot) {
      lines.push_back(Select(slot, 0));
      lines.push_back(fmt::format("inl {:#x}", kPciData));
    }
    Send(lines, [this, first](const Qtest::Answers& answers) {
      std::vector<unsigned> slots;
      for (unsigned i = 0; i < kSlotsAtOnce; ++i)
        if (Number(answers[2 * i + 1]) == kVirtio9p) slots.push_back(first + i);
      Look(std::move(slots), first + kSlotsAtOnce);
    });
  }

  // Gives the first of the devices its ports and asks for its share's tag and its queue.
  void Look(std::vector<unsigned> slots, unsigned unseen) {
    if (slots.empty()) return Scan(unseen);
    const unsigned slot = slots.front();
    slots.erase(slots.begin());
    ++seen_;
    std::vector<std::string> lines = {In("w", kConfig)};
    for (size_t i = 0; i < share_.tag.size(); ++i)
      lines.push_back(In("b", kConfig + 2 + static_cast<uint32_t>(i)));
    lines.insert(lines.begin(), {Select(slot, kPciBar0), Line("outl", kPciData, kPorts),
                                 Select(slot, kPciCommand), Line("outl", kPciData, kPortsMemoryAndMaster)});
    lines.push_back(In("w", kQueueSize));
    Send(lines, [this, slot, slots = std::move(slots), unseen](const Qtest::Answers& answers) {
      constexpr size_t kTag = 5;
      bool same = Number(answers[kTag - 1]) == share_.tag.size();
      for (size_t i = 0; i < share_.tag.size(); ++i)
        same = same && Number(answers[kTag + i]) == static_cast<unsigned char>(share_.tag[i]);
      if (same) return Borrow(Number(answers.back()));
      // Its ports are free for the next one.
      Send({Select(slot, kPciCommand), Line("outl", kPciData, 0)},
           [this, slots, unseen](const Qtest::Answers&) { Look(slots, unseen); });
    });
  }

  void Borrow(uint64_t size) {
    if (size < 2 * kMessages || size > kMostQueue)
      return End(MakeError(ErrorCode::kUnsupported, "its queue has {} entries", size));
    layout_.emplace(static_cast<uint32_t>(size));
    std::vector<std::string> lines;
    for (const auto& [address, bytes] : layout_->pieces())
      lines.push_back(fmt::format("b64read {:#x} {:#x}", address, bytes));
    Send(lines, [this](const Qtest::Answers& answers) {
      lent_ = answers;
      Ask();
    });
  }

  // All requests at once: the device takes them in turn.
  void Ask() {
    const auto messages = Messages(share_);
    std::string descriptors;
    std::string available = Little(uint16_t{0}) + Little(static_cast<uint16_t>(kMessages));
    std::string used(Layout::kUsedBytes, '\0');
    constexpr uint16_t kNext = 1;
    constexpr uint16_t kDeviceWrites = 2;
    for (size_t i = 0; i < messages.size(); ++i) {
      KILN_CHECK(messages[i].size() <= kMessageRoom);
      used += messages[i];
      used.resize(Layout::kUsedBytes + (i + 1) * kMessageRoom, '\0');
      descriptors += Little(layout_->request(i)) + Little(static_cast<uint32_t>(messages[i].size())) +
                     Little(kNext) + Little(static_cast<uint16_t>(2 * i + 1));
      descriptors += Little(layout_->reply(i)) + Little(static_cast<uint32_t>(kMessageRoom)) +
                     Little(kDeviceWrites) + Little(uint16_t{0});
      available += Little(static_cast<uint16_t>(2 * i));
    }
    Send({Write(kLent, descriptors), Write(layout_->available, available), Write(layout_->used, used),
          Out("b", kStatus, kAcknowledgeAndDriver), Out("l", kGuestFeatures, 0), Out("w", kQueueSelect, 0),
          Out("l", kQueueAddress, kLent / kQueueAlign), Out("b", kStatus, kDriverOk),
          Out("w", kQueueNotify, 0), AskUsed()},
         [this](const Qtest::Answers& answers) { Await(answers); });
  }

  std::string AskUsed() const { return fmt::format("readw {:#x}", layout_->used + 2); }

  // The file system is looked at in threads of QEMU's; there is no event for their end. The caller has a
  // limit on how long a machine may take to wake.
  void Await(const Qtest::Answers& answers) {
    if (Number(answers.back()) < kMessages)
      return Send({AskUsed()}, [this](const Qtest::Answers& again) { Await(again); });
    std::vector<std::string> lines;
    for (size_t i = 0; i < kMessages; ++i)
      lines.push_back(fmt::format("readb {:#x}", layout_->reply(i) + kTypeAt));
    const auto pieces = layout_->pieces();
    for (size_t i = 0; i < pieces.size(); ++i)
      lines.push_back(fmt::format("b64write {:#x} {:#x} {}", pieces[i].address, pieces[i].bytes, lent_[i]));
    Send(lines, [this](const Qtest::Answers& types) { Check(types); });
  }

  void Check(const Qtest::Answers& types) {
    constexpr std::array<uint8_t, kMessages> kWanted = {kVersion + 1, kAttach + 1, kAttach + 1};
    for (size_t i = 0; i < kMessages; ++i)
      if (Number(types[i]) != kWanted[i])
        return End(MakeError(ErrorCode::kUnsupported, "QEMU answered request {} with a message of type {}", i,
                             Number(types[i])));
    End({});
  }

  Qtest& qtest_;
  MountedShare share_;
  std::function<void(Result<>)> told_;
  size_t seen_ = 0;  // 9p devices.
  std::optional<Layout> layout_;
  Qtest::Answers lent_;  // What was in its pieces, in base64.
};

}  // namespace

void Reattach(Qtest& qtest, const MountedShare& share, std::function<void(Result<>)> told) {
  std::make_shared<Reattaching>(qtest, share, std::move(told))->Begin();
}

}  // namespace kiln::vm
