#pragma once

#include <poll.h>

#include "channel.h"
#include "link.h"
#include "notes.h"
#include "outbox.h"

/// The protocol: frames in, channels and answers, frames out. One loop, one thread.
namespace kiln::agent {

/// What Hello tells of this guest.
struct Origin {
  uint64_t started_ns = 0;
  uint64_t ready_ns = 0;
  bool pid1 = false;
};

class Session {
 public:
  static constexpr size_t kInboxSize = wire::kHeaderSize + wire::kMaxPayload + wire::kSyncSize;
  static constexpr size_t kOutboxSize = size_t{256} * 1024;
  static constexpr int kMaxChannels = 64;

  /// `may_change_machine`: whether requests that change the machine (mount, modules, power …) are for us; not
  /// when this is an ordinary process under test. `inbox` and `outbox` are storage of the sizes above.
  void Begin(Link& link, const Roots& roots, const Origin& origin, Notes& notes, bool may_change_machine,
             char* inbox, char* outbox);
  /// The Hello that nobody asked for.
  void Announce();
  /// Has a process at hand for the first requests that need one.
  void HaveSpare() { spare_.Fork(origin_.pid1); }
  /// Writes what the link takes at once.
  void Flush();
  /// Serves until the link ends for good (a test's socket, a script).
  void Run();
  /// Commands get this terminal as stdin, stdout and stderr, requests wait for each other, and answers are
  /// put on the console in words: there is no host.
  void UseConsole(int terminal) { console_ = terminal; }

 private:
  struct Message {
    wire::Type type{};
    uint32_t channel = 0;
    bool chained = false;
    View payload;
  };
  /// A message that must wait for an earlier step of the chain; its payload lies behind it.
  struct Postponed {
    Postponed* next;
    Message message;
  };
  static constexpr size_t kMaxPostponed = size_t{1} << 20;
  struct Waiting {
    Channel* channel;
    enum What : uint8_t { kStatus, kInput, kOutput, kError } what;
  };

  bool Finished() const;
  void Wait();
  int Collect(pollfd* fds, Waiting* what, int& timeout_ms);
  void Happened(const Waiting& waiting);
  void ReapChildren();
  void SettleChannels();

  bool ReadLink();
  void TakeFrames();
  bool Hold(wire::Type type) const;
  bool Assemble(const wire::Header& header, View payload);
  void Handle(const Message& message);
  bool MustWait(const Message& message, const Postponed* end) const;
  void Postpone(const Message& message);
  void HandlePostponed();
  void Dispatch(const Message& message);
  void HandleHello(const Message& message);
  void HandleStream(const Message& message);
  void HandleRequest(const Message& message);
  void StartChannel(const Message& message);
  bool HandleMachine(const Message& message, Failure& failure);
  bool HandleFile(const Message& message, Failure& failure);
  void EndMachineAfterReply(const Message& message);
  void Reply(const Message& message, const Failure& failure);
  void Refuse(const Message& message, const Failure& failure);
  void Log(const Line& line);
  void Violation(const char* what);
  void EndSession();
  void TellConsole();
  void SendHello(uint64_t session);
  Channel* Find(uint32_t id) const;

  Link* link_ = nullptr;
  Roots roots_;
  Origin origin_;
  Notes* notes_ = nullptr;
  bool may_change_machine_ = false;
  int console_ = -1;

  Outbox outbox_;
  char* inbox_ = nullptr;
  size_t inbox_size_ = 0;
  bool hunting_ = true;
  bool link_ended_ = false;

  bool greeted_ = false;
  uint32_t output_window_ = 0;
  bool chain_failed_ = false;
  char* message_ = nullptr;  // Being put together from frames marked kMore.
  size_t message_size_ = 0;
  wire::Header message_header_;
  Channel* channels_[kMaxChannels] = {};
  Spare spare_;
  Postponed* postponed_ = nullptr;  // In the order they came.
  size_t postponed_bytes_ = 0;
};

/// Prepares the signals the loop lives by. Once, before any child.
void PrepareSignals();

}  // namespace kiln::agent
