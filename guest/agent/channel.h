#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include "outbox.h"
#include "spare.h"

/// One request that has a process: its streams, flow control and end.
namespace kiln::agent {

/// How a link wants to be used.
struct LinkLimits {
  uint32_t stdin_window = 0;  ///< What the host may send ahead on each stdin.
  size_t chunk = 0;           ///< Most bytes of output in one frame.
  size_t queue = 0;           ///< Output is not read while more than this waits to be sent.
};

class Channel {
 public:
  /// For Exec, Put, Get and so on; `output_window` is the credit to begin with. Nothing when there is no
  /// memory.
  static Channel* Make(uint32_t id, wire::Type request, bool chained, uint32_t output_window);
  /// Closes what is open and frees it. The process, when there is one, is left alone.
  static void Destroy(Channel* channel);

  /// Starts the command with its streams, or on `console` (a terminal) when that is not -1.
  Failure StartCommand(const wire::ExecOf<Owner>& request, int console);
  /// Gives the request (its payload; the flags of an Exec) to the spare instead; false when that takes it
  /// not.
  bool GiveTo(Spare& spare, View payload, uint32_t exec_flags);
  Failure StartTransfer(Body body, const void* request, bool input, bool output);

  uint32_t id() const { return id_; }
  wire::Type request() const { return request_; }
  bool chained() const { return chained_; }
  pid_t pid() const { return pid_; }
  /// Whether later requests of the chain wait for its end. A command is the last of a chain, and following
  /// the kernel's log never ends.
  bool HoldsChain() const {
    return chained_ && request_ != wire::Type::kExec && request_ != wire::Type::kKmsgFollow;
  }

  // What the loop waits for; -1 for nothing.
  int status_fd() const { return status_; }
  int output_fd(int index, const Outbox& outbox, const LinkLimits& limits) const;
  /// Waited for even with nothing to write, to learn that its reader went away; a terminal always has one.
  int input_fd() const { return terminal_ && ring_used_ == 0 ? -1 : in_; }
  bool input_waits() const { return ring_used_ > 0; }
  /// OnOutput is due without waiting: what is there is the last that will be taken.
  bool output_due(int index, const Outbox& outbox, const LinkLimits& limits) const {
    return out_[index].limited && output_fd(index, outbox, limits) >= 0;
  }
  /// When the loop must look again although nothing happened (CLOCK_MONOTONIC); 0 for never.
  uint64_t deadline_ns() const { return reaped_ && !late_ && AnyOutput() ? ended_ns_ + kGraceNs : 0; }

  // What happened.
  void OnStatus(Outbox& outbox);
  void OnOutput(int index, Outbox& outbox, const LinkLimits& limits);
  void OnInputReady(Outbox& outbox, const LinkLimits& limits);
  /// The reader of stdin went away.
  void OnInputGone(Outbox& outbox);
  void OnReaped(int wait_status, const rusage& usage);
  void OnDeadline(uint64_t now_ns, Outbox& outbox);

  // What the host sent. False when it sent more than the window allows.
  bool TakeData(View bytes, Outbox& outbox, const LinkLimits& limits);
  void TakeEof();
  void TakeCredit(const wire::Credit& credit);
  void TakeSignal(uint32_t signal) const;
  void TakeResize(const wire::Resize& size) const;
  void TakeClose();

  /// It could not be started, or may not be.
  void Refuse(const Failure& failure) { failure_ = failure; }
  /// Whether the last message can go out. A channel whose process was never started is done at once.
  bool Done() const;
  /// Sends the last message. False when the request failed; a command that ran badly is no failed request.
  bool SendEnd(Outbox& outbox) const;

 private:
  struct Output {
    int fd = -1;
    uint32_t credit = 0;
    bool limited = false;  ///< Only `left` more bytes are waited for.
    uint32_t left = 0;
  };
  static constexpr uint64_t kGraceNs = 100'000'000;

  Failure OpenStreams(const wire::ExecOf<Owner>& request, Stdio& stdio);
  Failure OpenTerminal(const wire::ExecOf<Owner>& request, Stdio& stdio);
  bool AnyOutput() const { return out_[0].fd >= 0 || out_[1].fd >= 0; }
  void EndOutput(int index, Outbox& outbox);
  size_t WriteInput(const char* bytes, size_t size, Outbox& outbox);
  void Consumed(size_t bytes, Outbox& outbox, const LinkLimits& limits);
  void CloseInput();
  void DropInput();

  uint32_t id_ = 0;
  wire::Type request_{};
  bool chained_ = false;
  bool terminal_ = false;
  bool closing_ = false;
  pid_t pid_ = 0;
  Spare* spare_ = nullptr;  // Whose `pid_` and `status_` are, while it does a request that is not its last.
  int status_ = -1;
  Failure failure_;
  bool reaped_ = false;
  bool late_ = false;  ///< The grace after the end is over.
  int wait_status_ = 0;
  rusage usage_{};
  uint64_t begun_ns_ = 0;
  uint64_t ended_ns_ = 0;
  int in_ = -1;
  bool in_eof_ = false;
  bool told_closed_ = false;
  char* ring_ = nullptr;  // stdin that its reader has not taken yet; `window` bytes when there is any.
  uint32_t ring_at_ = 0;
  uint32_t ring_used_ = 0;
  uint32_t ring_size_ = 0;
  uint32_t consumed_ = 0;  // Taken by the reader and not yet credited.
  Output out_[2];
};

}  // namespace kiln::agent
