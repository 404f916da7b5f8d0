#include "spare.h"

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>

namespace kiln::agent {
namespace {

/// Goes ahead of each payload.
struct Order {
  wire::Type type{};
  uint32_t exec_flags = 0;
  uint32_t size = 0;
};

/// The descriptors of the spare; all but the last are pipes whose other end the parent has.
enum End : int { kOrders = 3, kStatus, kIn, kOut, kErr, kNothing };

/// Both ends of each, by the name of the spare's.
struct Pipes {
  int parents[kNothing];
  int spares[kNothing];
};

void CloseAll(Pipes& pipes) {
  for (int end = kOrders; end < kNothing; ++end) {
    Close(pipes.parents[end]);
    Close(pipes.spares[end]);
  }
}

bool Open(Pipes& pipes) {
  for (int end = kOrders; end < kNothing; ++end) pipes.parents[end] = pipes.spares[end] = -1;
  for (int end = kOrders; end < kNothing; ++end) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return false;
    const int spares = end == kOrders || end == kIn ? 0 : 1;
    pipes.parents[end] = ends[1 - spares];
    // High, so that putting it in its place overwrites no other one.
    pipes.spares[end] = fcntl(ends[spares], F_DUPFD_CLOEXEC, int{kNothing});
    close(ends[spares]);
    if (pipes.spares[end] < 0) return false;
    fcntl(pipes.parents[end], F_SETFL, O_NONBLOCK);
  }
  return true;
}

bool ReadAll(int fd, char* out, size_t size) {
  while (size > 0) {
    const ssize_t count = read(fd, out, size);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    out += count;
    size -= static_cast<size_t>(count);
  }
  return true;
}

[[noreturn]] void BeCommand(const Order& order, View payload, bool follows_root) {
  wire::ExecOf<Owner> request;
  Command command;
  if (!Decode(payload, request)) FailChild(kStatus, Unreadable());
  if (const Failure failure = command.Take(request)) FailChild(kStatus, failure);
  const Piped piped(order.exec_flags);
  Stdio stdio;
  stdio.in = piped.in ? kIn : kNothing;
  stdio.out = piped.out ? kOut : kNothing;
  stdio.err = piped.err ? int{kErr} : stdio.out;
  // From here on its folder is its own.
  if (follows_root && unshare(CLONE_FS) != 0) FailChild(kStatus, Failed(errno, "have a folder of its own"));
  if (const Failure failure = TakeStreams(stdio)) FailChild(kStatus, failure);
  RunCommand(&command, kStatus);
  _exit(0);
}

void DoMount(View payload) {
  wire::MountOf<Owner> request;
  StatusRecord record;
  record.kind = StatusRecord::kDone;
  const Failure failure = Decode(payload, request) ? Mount(request) : Unreadable();
  record.error = failure.error;
  record.what = failure.what;
  WriteAll(kStatus, reinterpret_cast<const char*>(&record), sizeof(record));
}

[[noreturn]] void Serve(bool follows_root) {
  static char payload[Spare::kLongest];
  for (;;) {
    Order order;
    // At its end nobody needs a spare any more.
    if (!ReadAll(kOrders, reinterpret_cast<char*>(&order), sizeof(order)) || order.size > sizeof(payload) ||
        !ReadAll(kOrders, payload, order.size))
      _exit(0);
    const View view(payload, order.size);
    if (order.type == wire::Type::kExec) BeCommand(order, view, follows_root);
    DoMount(view);
  }
}

[[noreturn]] void BeSpare(const Pipes& pipes, bool follows_root) {
  BecomeLeader();
  for (int end = kOrders; end < kNothing; ++end)
    if (dup3(pipes.spares[end], end, O_CLOEXEC) < 0) _exit(1);
  CloseFrom(kNothing);
  // The first one that is free.
  if (open("/dev/null", O_RDWR | O_CLOEXEC) != kNothing) _exit(1);
  Serve(follows_root);
}

pid_t ForkFollowing(bool follow_root) {
  if (!follow_root) return fork();
  return static_cast<pid_t>(syscall(SYS_clone, CLONE_FS | SIGCHLD, nullptr, nullptr, nullptr, nullptr));
}

}  // namespace

void Spare::Fork(bool follow_root) {
  Pipes pipes{};
  char own[16] = {};  // TASK_COMM_LEN.
  prctl(PR_GET_NAME, own, 0, 0, 0);
  // Whoever lists processes right after this is to know it, also before it has run.
  prctl(PR_SET_NAME, kName, 0, 0, 0);
  const pid_t child = Open(pipes) ? ForkFollowing(follow_root) : -1;
  if (child == 0) BeSpare(pipes, follow_root);
  prctl(PR_SET_NAME, own, 0, 0, 0);
  if (child < 0) return CloseAll(pipes);
  for (int end = kOrders; end < kNothing; ++end) Close(pipes.spares[end]);
  pid_ = child;
  orders_ = pipes.parents[kOrders];
  status_ = pipes.parents[kStatus];
  in_ = pipes.parents[kIn];
  out_[0] = pipes.parents[kOut];
  out_[1] = pipes.parents[kErr];
}

bool Spare::Give(wire::Type type, View payload, uint32_t exec_flags, Lent& lent) {
  if (status_ < 0 || payload.size > kLongest || (exec_flags & wire::kExecPty) != 0) return false;
  Order order;
  order.type = type;
  order.exec_flags = exec_flags;
  order.size = static_cast<uint32_t>(payload.size);
  const iovec parts[] = {{&order, sizeof(order)}, {const_cast<char*>(payload.data), payload.size}};
  // What it has of an order is nothing without the rest.
  if (writev(orders_, parts, 2) != static_cast<ssize_t>(sizeof(order) + payload.size)) {
    Forget();
    return false;
  }
  lent.pid = pid_;
  lent.status = status_;
  status_ = -1;
  if (type != wire::Type::kExec) return true;
  const Piped piped(exec_flags);
  const auto take = [](int& fd, bool wanted) {
    const int taken = wanted ? fd : -1;
    if (wanted) fd = -1;
    return taken;
  };
  lent.in = take(in_, piped.in);
  lent.out[0] = take(out_[0], piped.out);
  lent.out[1] = take(out_[1], piped.err);
  Forget();
  return true;
}

void Spare::GiveBack(int status) { status_ = status; }

void Spare::Forget() {
  pid_ = 0;
  Close(orders_);
  Close(status_);
  Close(in_);
  Close(out_[0]);
  Close(out_[1]);
}

}  // namespace kiln::agent
