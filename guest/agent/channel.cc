#include "channel.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>

namespace kiln::agent {
namespace {

bool WouldBlock() { return errno == EAGAIN || errno == EINTR; }

struct Ends {
  int read = -1;
  int write = -1;
};
bool MakePipe(Ends& ends) {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) return false;
  ends.read = fds[0];
  ends.write = fds[1];
  return true;
}
void NonBlocking(int fd) { fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); }

void CloseAll(Stdio& stdio) {
  if (stdio.err != stdio.out && stdio.err != stdio.in) Close(stdio.err);
  if (stdio.out != stdio.in) Close(stdio.out);
  Close(stdio.in);
}

int OpenSlave(int master) {
#ifndef TIOCGPTPEER
  constexpr int TIOCGPTPEER = 0x5441;
#endif
  const int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (slave >= 0) return slave;
  unsigned number = 0;  // Kernels before 4.13 only know the way by name.
  if (ioctl(master, TIOCGPTN, &number) != 0) return -1;
  return open(Text("/dev/pts/", uint64_t{number}).c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC);
}

uint64_t Microseconds(const timeval& time) {
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000U + static_cast<uint64_t>(time.tv_usec);
}

}  // namespace

Failure Channel::OpenTerminal(const wire::ExecOf<Owner>& request, Stdio& stdio) {
  const int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
  if (master < 0) return Failed(errno, "open a terminal by /dev/ptmx");
  int unlocked = 0;
  const int slave = ioctl(master, TIOCSPTLCK, &unlocked) == 0 ? OpenSlave(master) : -1;
  const int second = slave < 0 ? -1 : fcntl(master, F_DUPFD_CLOEXEC, 3);
  if (second < 0) {
    const int error = errno;
    close(master);
    if (slave >= 0) close(slave);
    return Failed(error, "open the other side of a terminal");
  }
  // As login would: the terminal is the user's, who alone may read it.
  if (fchown(slave, request.uid, static_cast<gid_t>(-1)) == 0) fchmod(slave, 0620);
  in_ = master;
  out_[0].fd = second;
  terminal_ = true;
  if (request.rows != 0 && request.cols != 0) {
    wire::Resize size;
    size.rows = request.rows;
    size.cols = request.cols;
    TakeResize(size);
  }
  stdio.in = stdio.out = stdio.err = slave;
  stdio.terminal = true;
  return {};
}

Failure Channel::OpenStreams(const wire::ExecOf<Owner>& request, Stdio& stdio) {
  const auto nothing = [] { return open("/dev/null", O_RDWR | O_CLOEXEC); };
  Ends in;
  Ends out;
  Ends err;
  const Piped piped(request.flags);
  bool made = piped.in ? MakePipe(in) : (in.read = nothing()) >= 0;
  made = made && (piped.out ? MakePipe(out) : (out.write = nothing()) >= 0);
  if (piped.err) {
    made = made && MakePipe(err);
  } else {
    err.write = out.write;
  }
  const int error = made ? 0 : errno;
  stdio.in = in.read;
  stdio.out = out.write;
  stdio.err = err.write;
  in_ = in.write;
  out_[0].fd = out.read;
  out_[1].fd = err.read;
  if (!made) CloseAll(stdio);
  return made ? Failure() : Failed(error, "open pipes (and /dev/null) for the streams");
}

Failure Channel::StartCommand(const wire::ExecOf<Owner>& request, int console) {
  Command command;
  Stdio stdio;
  Failure failure = command.Take(request);
  if (failure) {
    command.Free();
    return failure;
  }
  if (console >= 0) {
    stdio.in = stdio.out = stdio.err = console;
    stdio.terminal = true;
  } else if ((request.flags & wire::kExecPty) != 0) {
    failure = OpenTerminal(request, stdio);
  } else {
    failure = OpenStreams(request, stdio);
  }
  if (!failure) {
    begun_ns_ = NowNs(CLOCK_MONOTONIC);
    if (const int error = StartProcess(stdio, RunCommand, &command, pid_, status_); error != 0)
      failure = Failed(error, "start a process for ", View(command.argv[0]));
    if (console < 0) CloseAll(stdio);
  }
  command.Free();
  if (in_ >= 0) NonBlocking(in_);
  for (const Output& output : out_)
    if (output.fd >= 0) NonBlocking(output.fd);
  return failure;
}

bool Channel::GiveTo(Spare& spare, View payload, uint32_t exec_flags) {
  Spare::Lent lent;
  if (!spare.Give(request_, payload, exec_flags, lent)) return false;
  begun_ns_ = NowNs(CLOCK_MONOTONIC);
  pid_ = lent.pid;
  status_ = lent.status;
  in_ = lent.in;
  for (int i = 0; i < 2; ++i) out_[i].fd = lent.out[i];
  if (request_ != wire::Type::kExec) spare_ = &spare;
  return true;
}

Failure Channel::StartTransfer(Body body, const void* request, bool input, bool output) {
  wire::ExecOf<Owner> streams;
  streams.flags =
      wire::kExecMergeStderr | (input ? wire::kExecStdin : 0U) | (output ? 0U : wire::kExecDiscardOutput);
  Stdio stdio;
  if (Failure failure = OpenStreams(streams, stdio)) return failure;
  begun_ns_ = NowNs(CLOCK_MONOTONIC);
  const int error = StartProcess(stdio, body, request, pid_, status_);
  CloseAll(stdio);
  if (in_ >= 0) NonBlocking(in_);
  if (out_[0].fd >= 0) NonBlocking(out_[0].fd);
  return error == 0 ? Failure() : Failed(error, "start a process for the request");
}

int Channel::output_fd(int index, const Outbox& outbox, const LinkLimits& limits) const {
  const Output& output = out_[index];
  // A terminal echoes before the command runs, but Started comes first.
  if (request_ == wire::Type::kExec && status_ >= 0) return -1;
  if (output.fd < 0 || output.credit == 0 || outbox.size() > limits.queue || outbox.DataRoom() == 0)
    return -1;
  return output.fd;
}

void Channel::OnStatus(Outbox& outbox) {
  StatusRecord record;
  const ssize_t count = read(status_, &record, sizeof(record));
  if (count < 0 && WouldBlock()) return;
  if (count != static_cast<ssize_t>(sizeof(record))) {
    Close(status_);
    if (request_ == wire::Type::kExec && !failure_) {
      wire::Started started;
      started.pid = static_cast<uint32_t>(pid_);
      outbox.Send(id_, started);
    }
    return;
  }
  if (record.kind == StatusRecord::kFileInfo) return outbox.Send(id_, record.file);
  failure_ = {record.error, record.what};
  if (record.kind != StatusRecord::kDone || spare_ == nullptr) return;
  spare_->GiveBack(status_);
  spare_ = nullptr;
  status_ = -1;
  pid_ = 0;
}

void Channel::EndOutput(int index, Outbox& outbox) {
  Close(out_[index].fd);
  wire::Eof eof;
  eof.stream = static_cast<uint8_t>(index == 0 ? wire::kStdout : wire::kStderr);
  outbox.Send(id_, eof);
}

void Channel::OnOutput(int index, Outbox& outbox, const LinkLimits& limits) {
  Output& output = out_[index];
  if (output_fd(index, outbox, limits) < 0) return;
  size_t size = outbox.DataRoom();
  if (size > limits.chunk) size = limits.chunk;
  if (size > output.credit) size = output.credit;
  if (output.limited && size > output.left) size = output.left;
  char* frame = outbox.Claim(wire::kHeaderSize + 1 + size);
  if (frame == nullptr) return;
  const ssize_t count = read(output.fd, frame + wire::kHeaderSize + 1, size);
  if (count < 0 && WouldBlock()) {
    if (output.limited) EndOutput(index, outbox);
    return;
  }
  // A terminal whose last user is gone reads as EIO.
  if (count <= 0) return EndOutput(index, outbox);
  wire::Header header;
  header.length = static_cast<uint32_t>(count) + 1;
  header.type = wire::Type::kData;
  header.channel = id_;
  wire::PutHeader(frame, header);
  frame[wire::kHeaderSize] = static_cast<char>(index == 0 ? wire::kStdout : wire::kStderr);
  outbox.Commit(wire::kHeaderSize + 1 + static_cast<size_t>(count));
  output.credit -= static_cast<uint32_t>(count);
  if (output.limited) {
    output.left -= static_cast<uint32_t>(count);
    if (output.left == 0) EndOutput(index, outbox);
  }
}

void Channel::OnReaped(int wait_status, const rusage& usage) {
  reaped_ = true;
  wait_status_ = wait_status;
  usage_ = usage;
  ended_ns_ = NowNs(CLOCK_MONOTONIC);
  DropInput();
  if (closing_)
    for (Output& output : out_) Close(output.fd);
}

void Channel::OnDeadline(uint64_t now_ns, Outbox& outbox) {
  if (deadline_ns() == 0 || now_ns < deadline_ns()) return;
  late_ = true;
  for (int index = 0; index < 2; ++index) {
    Output& output = out_[index];
    if (output.fd < 0) continue;
    int waiting = 0;
    output.limited = true;
    // A terminal does not say how much is under way; it holds less than this, and ends when nothing is there.
    output.left = 64 * 1024;
    if (!terminal_ && ioctl(output.fd, FIONREAD, &waiting) == 0) output.left = static_cast<uint32_t>(waiting);
    if (output.left == 0) EndOutput(index, outbox);
  }
}

size_t Channel::WriteInput(const char* bytes, size_t size, Outbox& outbox) {
  size_t done = 0;
  while (done < size && in_ >= 0) {
    const ssize_t count = write(in_, bytes + done, size - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) break;
    if (count < 0) {
      OnInputGone(outbox);
      break;
    }
    done += static_cast<size_t>(count);
  }
  return done;
}

void Channel::Consumed(size_t bytes, Outbox& outbox, const LinkLimits& limits) {
  consumed_ += static_cast<uint32_t>(bytes);
  if (in_ < 0 || consumed_ < limits.stdin_window / 4) return;
  wire::Credit credit;
  credit.stream = wire::kStdin;
  credit.bytes = consumed_;
  consumed_ = 0;
  outbox.Send(id_, credit);
}

bool Channel::TakeData(View bytes, Outbox& outbox, const LinkLimits& limits) {
  if (in_ < 0 || in_eof_) return true;
  if (bytes.size > limits.stdin_window - ring_used_) return false;
  size_t done = 0;
  if (ring_used_ == 0) {
    done = WriteInput(bytes.data, bytes.size, outbox);
    Consumed(done, outbox, limits);
  }
  if (in_ < 0 || done == bytes.size) return true;
  if (ring_ == nullptr) {
    ring_size_ = limits.stdin_window;
    ring_ = static_cast<char*>(malloc(ring_size_));
    if (ring_ == nullptr) return false;
    ring_at_ = 0;
  }
  for (size_t left = bytes.size - done; left > 0; left = bytes.size - done) {
    const size_t end = (size_t{ring_at_} + ring_used_) % ring_size_;
    const size_t piece = left < ring_size_ - end ? left : ring_size_ - end;
    memcpy(ring_ + end, bytes.data + done, piece);
    ring_used_ += static_cast<uint32_t>(piece);
    done += piece;
  }
  return true;
}

void Channel::OnInputReady(Outbox& outbox, const LinkLimits& limits) {
  while (ring_used_ > 0 && in_ >= 0) {
    const size_t piece = ring_used_ < ring_size_ - ring_at_ ? ring_used_ : ring_size_ - ring_at_;
    const size_t done = WriteInput(ring_ + ring_at_, piece, outbox);
    if (done == 0) return;
    ring_at_ = static_cast<uint32_t>((ring_at_ + done) % ring_size_);
    ring_used_ -= static_cast<uint32_t>(done);
    Consumed(done, outbox, limits);
  }
  if (ring_used_ > 0) return;
  free(ring_);
  ring_ = nullptr;
  if (in_eof_) CloseInput();
}

void Channel::OnInputGone(Outbox& outbox) {
  if (in_ < 0) return;
  DropInput();
  if (!told_closed_ && !in_eof_) outbox.Send(id_, wire::StdinClosed());
  told_closed_ = true;
}

/// The end of what the host sends, when all of it was taken.
void Channel::CloseInput() {
  termios settings{};
  // A terminal has no end; its users know one by the character for it.
  if (terminal_ && in_ >= 0 && tcgetattr(in_, &settings) == 0 && (settings.c_lflag & ICANON) != 0) {
    const char end = static_cast<char>(settings.c_cc[VEOF]);
    WriteAll(in_, &end, 1);
  }
  if (!terminal_) Close(in_);
}

void Channel::DropInput() {
  if (!terminal_ || reaped_) Close(in_);
  free(ring_);
  ring_ = nullptr;
  ring_used_ = 0;
}

void Channel::TakeEof() {
  if (in_eof_) return;
  in_eof_ = true;
  if (ring_used_ == 0) CloseInput();
}

void Channel::TakeCredit(const wire::Credit& credit) {
  if (credit.stream != wire::kStdout && credit.stream != wire::kStderr) return;
  Output& output = out_[credit.stream == wire::kStdout ? 0 : 1];
  if (__builtin_add_overflow(output.credit, credit.bytes, &output.credit)) output.credit = ~uint32_t{0};
}

void Channel::TakeSignal(uint32_t signal) const {
  if (reaped_ || pid_ <= 0 || signal == 0 || signal > 64) return;
  const int number = static_cast<int>(signal);
  if (terminal_) {
    const pid_t front = tcgetpgrp(in_ >= 0 ? in_ : out_[0].fd);
    if (front > 0 && front != pid_) kill(-front, number);
  }
  // Between fork and setsid there is no group of its own yet.
  if (kill(-pid_, number) != 0) kill(pid_, number);
}

void Channel::TakeResize(const wire::Resize& size) const {
  if (!terminal_) return;
  const auto bounded = [](uint32_t value) {
    return static_cast<unsigned short>(value > 65535 ? 65535 : value);
  };
  const winsize window = {bounded(size.rows), bounded(size.cols), 0, 0};
  ioctl(in_ >= 0 ? in_ : out_[0].fd, TIOCSWINSZ, &window);
}

void Channel::TakeClose() {
  closing_ = true;
  // A transfer tidies up after itself.
  TakeSignal(request_ == wire::Type::kExec ? SIGKILL : SIGTERM);
  DropInput();
  for (Output& output : out_) Close(output.fd);
}

bool Channel::Done() const { return pid_ <= 0 || (reaped_ && status_ < 0 && !AnyOutput()); }

bool Channel::SendEnd(Outbox& outbox) const {
  const bool by_signal = reaped_ && WIFSIGNALED(wait_status_);
  if (request_ == wire::Type::kExec) {
    wire::ExitedOf<Owner> exited;
    exited.error = static_cast<uint32_t>(failure_.error);
    exited.what = failure_.what.view();
    if (failure_) {
      exited.code = failure_.error == ENOENT ? 127 : 126;
    } else if (by_signal) {
      exited.signal = static_cast<uint32_t>(WTERMSIG(wait_status_));
      exited.code = 128 + exited.signal;
      exited.core = (wait_status_ & 0x80) != 0 ? 1 : 0;
    } else {
      exited.code = static_cast<uint32_t>(WEXITSTATUS(wait_status_));
    }
    exited.real_ns = ended_ns_ - begun_ns_;
    exited.user_us = Microseconds(usage_.ru_utime);
    exited.system_us = Microseconds(usage_.ru_stime);
    exited.max_rss_kib = static_cast<uint64_t>(usage_.ru_maxrss);
    outbox.Send(id_, exited);
    return true;
  }
  Failure failure = failure_;
  if (!failure && by_signal && closing_ && request_ != wire::Type::kKmsgFollow) {
    failure = Failed(ECANCELED, "finish the request");
  } else if (!failure && by_signal && !closing_) {
    failure = Failed(EIO, "finish the request, whose process was killed by signal ",
                     static_cast<uint64_t>(WTERMSIG(wait_status_)));
  }
  wire::ReplyOf<Owner> reply;
  reply.error = static_cast<uint32_t>(failure.error);
  reply.what = failure.what.view();
  outbox.Send(id_, reply);
  return !failure;
}

Channel* Channel::Make(uint32_t id, wire::Type request, bool chained, uint32_t output_window) {
  Channel* channel = static_cast<Channel*>(malloc(sizeof(Channel)));
  if (channel == nullptr) return nullptr;
  const Channel fresh;
  memcpy(static_cast<void*>(channel), &fresh,
         sizeof(fresh));  // Trivially copyable; <new> is not to be had here.
  channel->id_ = id;
  channel->request_ = request;
  channel->chained_ = chained;
  channel->out_[0].credit = channel->out_[1].credit = output_window;
  return channel;
}

void Channel::Destroy(Channel* channel) {
  if (channel->spare_ != nullptr) channel->spare_->Forget();
  Close(channel->status_);
  Close(channel->in_);
  for (Output& output : channel->out_) Close(output.fd);
  free(channel->ring_);
  free(channel);
}

}  // namespace kiln::agent
