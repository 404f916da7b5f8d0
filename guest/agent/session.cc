#include "session.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

namespace kiln::agent {
namespace {

constexpr int kLookForHostMs = 1000;

volatile sig_atomic_t* ChildEnded() {
  static volatile sig_atomic_t ended = 0;
  return &ended;
}
void OnChild(int) { *ChildEnded() = 1; }
void OnWake(int) {}

}  // namespace

void PrepareSignals() {
  struct sigaction action{};
  action.sa_handler = OnChild;
  sigaction(SIGCHLD, &action, nullptr);
  action.sa_handler = OnWake;
  sigaction(SIGIO, &action, nullptr);
  action.sa_handler = SIG_IGN;
  const int ignored[] = {SIGPIPE, SIGHUP, SIGINT, SIGTTOU, SIGTTIN, SIGTSTP};
  for (const int number : ignored) sigaction(number, &action, nullptr);
  // Let through only while the loop waits, so that none is missed between looking and waiting.
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGCHLD);
  sigaddset(&blocked, SIGIO);
  sigprocmask(SIG_BLOCK, &blocked, nullptr);
}

void Session::Begin(Link& link, const Roots& roots, const Origin& origin, Notes& notes,
                    bool may_change_machine, char* inbox, char* outbox) {
  link_ = &link;
  roots_ = roots;
  origin_ = origin;
  notes_ = &notes;
  may_change_machine_ = may_change_machine;
  inbox_ = inbox;
  outbox_.Use(outbox, kOutboxSize);
}

void Session::Announce() {
  SendHello(0);
  Flush();
}

void Session::Run() {
  *ChildEnded() = 1;  // Children may have ended before there was a loop.
  while (!Finished()) {
    Wait();
    if (*ChildEnded() != 0) ReapChildren();
    SettleChannels();
    HandlePostponed();
    TakeFrames();
    if (console_ >= 0) TellConsole();
    if (link_->connected()) Flush();
  }
}

bool Session::Finished() const {
  if (!link_ended_ || postponed_ != nullptr) return false;
  for (const Channel* channel : channels_)
    if (channel != nullptr) return false;
  return true;
}

int Session::Collect(pollfd* fds, Waiting* what, int& timeout_ms) {
  int count = 1;  // 0 is the link.
  uint64_t deadline = 0;
  const LinkLimits limits = link_->limits();
  const auto add = [&](int fd, short events, Channel* channel, Waiting::What kind) {
    if (fd < 0) return;
    fds[count] = {fd, events, 0};
    what[count++] = {channel, kind};
  };
  fds[0] = {-1, 0, 0};
  if (link_->connected() && !link_ended_) {
    const bool read = inbox_size_ < kInboxSize && outbox_.HasRoomForAnswers();
    fds[0] = {link_->fd(), static_cast<short>((read ? POLLIN : 0) | (outbox_.size() > 0 ? POLLOUT : 0)), 0};
  }
  for (Channel* channel : channels_) {
    if (channel == nullptr) continue;
    add(channel->status_fd(), POLLIN, channel, Waiting::kStatus);
    add(channel->input_fd(), static_cast<short>(channel->input_waits() ? POLLOUT : 0), channel,
        Waiting::kInput);
    add(channel->output_fd(0, outbox_, limits), POLLIN, channel, Waiting::kOutput);
    add(channel->output_fd(1, outbox_, limits), POLLIN, channel, Waiting::kError);
    const uint64_t due = channel->deadline_ns();
    if (due != 0 && (deadline == 0 || due < deadline)) deadline = due;
    if (channel->output_due(0, outbox_, limits) || channel->output_due(1, outbox_, limits)) timeout_ms = 0;
    if (channel->Done()) timeout_ms = 0;
  }
  if (deadline != 0 && timeout_ms != 0) {
    const uint64_t now = NowNs(CLOCK_MONOTONIC);
    timeout_ms = now >= deadline ? 0 : static_cast<int>((deadline - now) / 1'000'000U) + 1;
  }
  if (!link_->connected() && !link_ended_ && timeout_ms < 0) timeout_ms = kLookForHostMs;
  // A script's next request may be waiting for the last one to end, and nothing else will wake us.
  if (link_ended_ && Finished()) timeout_ms = 0;
  return count;
}

void Session::Wait() {
  pollfd fds[1 + 4 * kMaxChannels];
  Waiting what[1 + 4 * kMaxChannels];
  int timeout_ms = -1;
  const int count = Collect(fds, what, timeout_ms);
  sigset_t none;
  sigemptyset(&none);
  const timespec timeout = {timeout_ms / 1000, (timeout_ms % 1000) * 1'000'000L};
  const int ready = ppoll(fds, static_cast<nfds_t>(count), timeout_ms < 0 ? nullptr : &timeout, &none);
  if (!link_->connected() && !link_ended_) {
    link_->TryReconnect();
    if (link_->connected()) SendHello(0);
  }
  // What a command said before it failed to run comes first, then its outputs.
  for (int i = 1; ready > 0 && i < count; ++i)
    if (fds[i].revents != 0) Happened(what[i]);
  if (ready > 0 && (fds[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0) ReadLink();
}

void Session::Happened(const Waiting& waiting) {
  const LinkLimits limits = link_->limits();
  switch (waiting.what) {
    case Waiting::kStatus:
      return waiting.channel->OnStatus(outbox_);
    case Waiting::kInput:
      if (waiting.channel->input_waits()) return waiting.channel->OnInputReady(outbox_, limits);
      return waiting.channel->OnInputGone(outbox_);
    case Waiting::kOutput:
      return waiting.channel->OnOutput(0, outbox_, limits);
    case Waiting::kError:
      return waiting.channel->OnOutput(1, outbox_, limits);
  }
}

void Session::ReapChildren() {
  *ChildEnded() = 0;
  for (;;) {
    int status = 0;
    rusage usage{};
    const pid_t pid = wait4(-1, &status, WNOHANG, &usage);
    if (pid <= 0) return;
    if (pid == spare_.pid()) spare_.Forget();
    for (Channel* channel : channels_)
      if (channel != nullptr && channel->pid() == pid) channel->OnReaped(status, usage);
  }
}

void Session::SettleChannels() {
  const LinkLimits limits = link_->limits();
  for (Channel*& channel : channels_) {
    if (channel == nullptr) continue;
    if (channel->deadline_ns() != 0) channel->OnDeadline(NowNs(CLOCK_MONOTONIC), outbox_);
    for (int index = 0; index < 2; ++index)
      if (channel->output_due(index, outbox_, limits)) channel->OnOutput(index, outbox_, limits);
    if (!channel->Done() || !outbox_.HasRoomForAnswers()) continue;
    if (!channel->SendEnd(outbox_) && channel->chained()) chain_failed_ = true;
    Channel::Destroy(channel);
    channel = nullptr;
  }
}

/// False when the link is at its end.
bool Session::ReadLink() {
  // One virtio buffer is a page, so read several before looking at what came.
  while (inbox_size_ < kInboxSize) {
    const ssize_t count = link_->Read(inbox_ + inbox_size_, kInboxSize - inbox_size_);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return true;
    if (count > 0) {
      inbox_size_ += static_cast<size_t>(count);
      continue;
    }
    TakeFrames();
    if (console_ < 0) EndSession();
    if (console_ < 0) outbox_.Clear();
    // A script's last frames may still be held.
    hunting_ = console_ < 0;
    link_ended_ = !link_->OnHostGone();
    return false;
  }
  return true;
}

void Session::Flush() {
  while (outbox_.size() > 0) {
    const ssize_t count = link_->Write(outbox_.data(), outbox_.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;  // Full, or gone, which reading will tell.
    outbox_.Drop(static_cast<size_t>(count));
  }
}

bool Session::Hold(wire::Type type) const {
  if (postponed_bytes_ > kMaxPostponed) return true;
  if (console_ < 0 || type < wire::Type::kExec || type >= wire::Type::kSignal) return false;
  for (const Channel* channel : channels_)
    if (channel != nullptr) return true;
  return false;
}

void Session::TakeFrames() {
  size_t at = 0;
  while (inbox_size_ > at && outbox_.HasRoomForAnswers()) {
    const wire::Parsed parsed = wire::Parse(inbox_ + at, inbox_size_ - at, hunting_);
    if (parsed.synced) {
      hunting_ = false;
      message_size_ = 0;
    }
    at += parsed.skip;
    if (parsed.outcome == wire::Parsed::kViolation) {
      Violation(parsed.what);
      continue;
    }
    if (parsed.outcome != wire::Parsed::kFrame || Hold(parsed.header.type)) break;
    const View payload(inbox_ + at + wire::kHeaderSize, parsed.header.length);
    at += wire::kHeaderSize + payload.size;
    Message message;
    message.type = parsed.header.type;
    message.channel = parsed.header.channel;
    message.chained = (parsed.header.flags & wire::kChained) != 0;
    message.payload = payload;
    if ((parsed.header.flags & wire::kMore) == 0 && message_size_ == 0) {
      Handle(message);
      continue;
    }
    if (!Assemble(parsed.header, payload)) continue;
    message.payload = View(message_, message_size_);
    Handle(message);
    free(message_);
    message_ = nullptr;
    message_size_ = 0;
  }
  if (at == 0) return;
  inbox_size_ -= at;
  memmove(inbox_, inbox_ + at, inbox_size_);
}

/// Adds a frame to a message that is longer than one; true when it is whole.
bool Session::Assemble(const wire::Header& header, View payload) {
  const bool other =
      message_size_ > 0 && (header.type != message_header_.type || header.channel != message_header_.channel);
  if (other || message_size_ + payload.size > wire::kMaxMessage) {
    Violation(other ? "a frame in the middle of another message" : "a message longer than 4 MiB");
    return false;
  }
  char* grown = static_cast<char*>(realloc(message_, message_size_ + payload.size + 1));
  if (grown == nullptr) {
    Violation("a message for which there is no memory");
    return false;
  }
  memcpy(grown + message_size_, payload.data, payload.size);
  message_ = grown;
  message_size_ += payload.size;
  message_header_ = header;
  return (header.flags & wire::kMore) == 0;
}

void Session::Violation(const char* what) {
  Log(Text("the host sent ", what, "; its commands are ended"));
  EndSession();
  hunting_ = true;
}

/// Nothing of an ended session may speak in the next one; what it ran is killed and reaped like an orphan.
void Session::EndSession() {
  greeted_ = false;
  chain_failed_ = false;
  free(message_);
  message_ = nullptr;
  message_size_ = 0;
  while (postponed_ != nullptr) {
    Postponed* next = postponed_->next;
    free(postponed_);
    postponed_ = next;
  }
  postponed_bytes_ = 0;
  for (Channel*& channel : channels_) {
    if (channel == nullptr) continue;
    channel->TakeClose();
    Channel::Destroy(channel);
    channel = nullptr;
  }
}

/// Whether it, or what came before it on its channel, is a step of the chain that must wait for an earlier
/// one. `end` is the first of the postponed ones that came later (nothing for a new message).
bool Session::MustWait(const Message& message, const Postponed* end) const {
  const auto is_step = [](const Message& other) {
    return other.type == wire::Type::kResetChain ||
           (other.chained && other.type >= wire::Type::kExec && other.type < wire::Type::kSignal);
  };
  const bool step = is_step(message);
  for (const Channel* channel : channels_)
    if (step && channel != nullptr && channel->HoldsChain()) return true;
  for (const Postponed* earlier = postponed_; earlier != end; earlier = earlier->next)
    if (earlier->message.channel == message.channel || (step && is_step(earlier->message))) return true;
  return false;
}

void Session::Postpone(const Message& message) {
  const size_t size = sizeof(Postponed) + message.payload.size;
  Postponed* postponed = static_cast<Postponed*>(malloc(size));
  if (postponed == nullptr) return Violation("a request that must wait and for which there is no memory");
  postponed->next = nullptr;
  postponed->message = message;
  char* payload = reinterpret_cast<char*>(postponed + 1);
  if (message.payload.size > 0) memcpy(payload, message.payload.data, message.payload.size);
  postponed->message.payload = View(payload, message.payload.size);
  Postponed** last = &postponed_;
  while (*last != nullptr) last = &(*last)->next;
  *last = postponed;
  postponed_bytes_ += size;
}

void Session::HandlePostponed() {
  for (Postponed** at = &postponed_; *at != nullptr && outbox_.HasRoomForAnswers();) {
    Postponed* postponed = *at;
    if (MustWait(postponed->message, postponed)) {
      at = &postponed->next;
      continue;
    }
    *at = postponed->next;
    postponed_bytes_ -= sizeof(Postponed) + postponed->message.payload.size;
    Dispatch(postponed->message);
    free(postponed);
    at = &postponed_;  // It may have ended the session, and all that waited with it.
  }
}

/// What the host would have been told, for the person who watches the console.
void Session::TellConsole() {
  while (outbox_.size() > 0) {
    const wire::Parsed parsed = wire::Parse(outbox_.data(), outbox_.size(), false);
    if (parsed.outcome != wire::Parsed::kFrame) return outbox_.Clear();
    wire::FieldReader fields(View(outbox_.data() + parsed.skip + wire::kHeaderSize, parsed.header.length));
    uint32_t error = 0;
    View what;
    if (parsed.header.type == wire::Type::kExited) {
      wire::ExitedOf<Owner> exited;
      wire::ExitedOf<Owner>::Fields(exited, fields);
      error = exited.error;
      what = exited.what;
      if (error == 0 && exited.code != 0) Say(Text("the command ended with code ", uint64_t{exited.code}));
    } else if (parsed.header.type == wire::Type::kReply) {
      wire::ReplyOf<Owner> reply;
      wire::ReplyOf<Owner>::Fields(reply, fields);
      error = reply.error;
      what = reply.what;
    }
    if (error != 0) Say(Text("cannot ", what, ": ", strerror(static_cast<int>(error))));
    outbox_.Drop(parsed.skip + wire::kHeaderSize + parsed.header.length);
  }
}

Channel* Session::Find(uint32_t id) const {
  for (Channel* channel : channels_)
    if (channel != nullptr && channel->id() == id) return channel;
  return nullptr;
}

}  // namespace kiln::agent
