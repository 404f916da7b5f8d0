// What each message from the host leads to.
#include <poll.h>
#include <sys/utsname.h>

#include "session.h"

#ifndef KILN_BUILD_ID
#define KILN_BUILD_ID "unnamed build"
#endif

namespace kiln::agent {
namespace {

bool IsForInit(wire::Type type) {
  return type == wire::Type::kMount || type == wire::Type::kUnmount || type == wire::Type::kNetUp ||
         type == wire::Type::kLeaveRoot || (type >= wire::Type::kSwitchRoot && type <= wire::Type::kEntropy);
}

/// Whether a request may wait for a server, a disk or a driver, so that it gets a process of its own. What
/// makes the root from memory costs no fork.
bool MayHang(wire::Type type, View payload) {
  wire::MountOf<Owner> mount;
  if (type == wire::Type::kMount) return Decode(payload, mount) && MountMayHang(mount.fstype);
  return type == wire::Type::kUnmount || type == wire::Type::kLoadModule ||
         type == wire::Type::kUnloadModule || type == wire::Type::kAwaitFile;
}

/// Reads a request and does it at once.
template <class M, class Act>
Failure Do(View payload, Act act) {
  M request;
  return Decode(payload, request) ? act(request) : Unreadable();
}

}  // namespace

void Session::SendHello(uint64_t session) {
  // A clone has been asked before, as its template.
  static utsname names{};
  if (names.release[0] == '\0') uname(&names);
  wire::AgentHelloOf<Owner> hello;
  hello.prefix.build = KILN_BUILD_ID;
  hello.session = session;
  hello.window = link_->limits().stdin_window;
  hello.link = link_->kind();
  hello.pid1 = origin_.pid1 ? 1 : 0;
  hello.started_ns = origin_.started_ns;
  hello.ready_ns = origin_.ready_ns;
  hello.release = names.release;
  hello.kernel_version = names.version;
  hello.machine = names.machine;
  hello.notes = notes_->list();
  outbox_.AppendSync();
  outbox_.Send(wire::kNoChannel, hello);
}

void Session::Log(const Line& line) {
  wire::LogOf<Owner> log;
  log.line = line.view();
  outbox_.Send(wire::kNoChannel, log);
}

void Session::Handle(const Message& message) {
  const bool of_session = message.type == wire::Type::kHello || message.type == wire::Type::kPing;
  if (!of_session && MustWait(message, nullptr)) return Postpone(message);
  Dispatch(message);
}

void Session::Dispatch(const Message& message) {
  if (message.type == wire::Type::kHello) return HandleHello(message);
  if (message.type == wire::Type::kPing) {
    wire::Ping ping;
    if (!Decode(message.payload, ping)) return Violation("a Ping that is none");
    wire::Pong pong;
    pong.token = ping.token;
    return outbox_.Send(message.channel, pong);
  }
  if (message.type >= wire::Type::kExec && message.type < wire::Type::kSignal) return HandleRequest(message);
  HandleStream(message);
}

void Session::HandleHello(const Message& message) {
  wire::Reader front(message.payload);
  const uint32_t magic = front.U32();
  const uint32_t version = front.U32();
  const uint32_t min_version = front.U32();
  if (front.failed() || magic != wire::kMagic) return Violation("a Hello that is none");
  EndSession();
  // Our own Hello lets the host say in words who is too old.
  if (version < wire::kMinVersion || min_version > wire::kVersion) return SendHello(0);
  wire::HostHelloOf<Owner> hello;
  if (!Decode(message.payload, hello))
    return Violation("a Hello that is not put together as the protocol says");
  greeted_ = true;
  output_window_ = hello.window;
  SendHello(hello.session);
}

/// About a channel that is open. One that is gone ended while this was on its way.
void Session::HandleStream(const Message& message) {
  Channel* channel = Find(message.channel);
  if (channel == nullptr) return;
  wire::Credit credit;
  wire::Signal signal;
  wire::Resize size;
  switch (message.type) {
    case wire::Type::kData:
      if (message.payload.size == 0 || message.payload.data[0] != static_cast<char>(wire::kStdin))
        return Violation("Data for a stream that is not stdin");
      if (!channel->TakeData(View(message.payload.data + 1, message.payload.size - 1), outbox_,
                             link_->limits()))
        return Violation("more stdin than the window allows");
      return;
    case wire::Type::kEof:
      return channel->TakeEof();
    case wire::Type::kCredit:
      if (Decode(message.payload, credit)) return channel->TakeCredit(credit);
      return Violation("a Credit that is none");
    case wire::Type::kSignal:
      if (Decode(message.payload, signal)) return channel->TakeSignal(signal.signal);
      return Violation("a Signal that is none");
    case wire::Type::kResize:
      if (Decode(message.payload, size)) return channel->TakeResize(size);
      return Violation("a Resize that is none");
    case wire::Type::kClose:
      return channel->TakeClose();
    default:
      return Log(
          Text("a frame of type ", static_cast<uint64_t>(message.type), ", which this agent does not know"));
  }
}

void Session::HandleRequest(const Message& message) {
  if (!greeted_) return Refuse(message, Failed(EPROTO, "take a request before Hello"));
  if (Find(message.channel) != nullptr) return Violation("a request on a channel that is in use");
  if (message.type == wire::Type::kResetChain) {
    chain_failed_ = false;
    return Reply(message, {});
  }
  if (message.chained && chain_failed_)
    return Refuse(message, Failed(ECANCELED, "go on after an earlier step failed"));
  if (IsForInit(message.type) && !may_change_machine_)
    return Refuse(message, Failed(EPERM, "change the machine: this agent is not its init"));
  if (MayHang(message.type, message.payload)) return StartChannel(message);
  Failure failure;
  if (HandleFile(message, failure) || HandleMachine(message, failure)) return Reply(message, failure);
  switch (message.type) {
    case wire::Type::kExec:
    case wire::Type::kPut:
    case wire::Type::kGet:
    case wire::Type::kKmsgFollow:
    case wire::Type::kSyncDisks:
      return StartChannel(message);
    case wire::Type::kPowerOff:
    case wire::Type::kReboot:
      return EndMachineAfterReply(message);
    default:
      return Refuse(message, Failed(ENOSYS, "do a request of type ", static_cast<uint64_t>(message.type),
                                    ", which this agent does not know"));
  }
}

void Session::StartChannel(const Message& message) {
  Channel** slot = nullptr;
  for (Channel*& channel : channels_)
    if (channel == nullptr && slot == nullptr) slot = &channel;
  if (slot == nullptr) return Refuse(message, Failed(EMFILE, "run more than 64 things at once"));
  Channel* channel = Channel::Make(message.channel, message.type, message.chained, output_window_);
  if (channel == nullptr) return Refuse(message, Failed(ENOMEM, "remember one more thing to run"));
  *slot = channel;
  wire::ExecOf<Owner> exec;
  wire::PutOf<Owner> put;
  wire::GetOf<Owner> get;
  wire::KmsgFollow kmsg;
  wire::MountOf<Owner> mount;
  wire::UnmountOf<Owner> unmount;
  wire::UnloadModuleOf<Owner> unload;
  wire::AwaitFileOf<Owner> await;
  ModuleToLoad load{{}, roots_};
  const auto start_silent = [&](Body body, const void* request) {
    return channel->StartTransfer(body, request, false, false);
  };
  const auto lend = [&](uint32_t exec_flags) {
    return console_ < 0 && channel->GiveTo(spare_, message.payload, exec_flags);
  };
  Failure failure = Unreadable();
  if (message.type == wire::Type::kExec) {
    if (Decode(message.payload, exec))
      failure = lend(exec.flags) ? Failure() : channel->StartCommand(exec, console_);
  } else if (message.type == wire::Type::kPut) {
    if (Decode(message.payload, put)) failure = channel->StartTransfer(RunPut, &put, true, false);
  } else if (message.type == wire::Type::kGet) {
    if (Decode(message.payload, get)) failure = channel->StartTransfer(RunGet, &get, false, true);
  } else if (message.type == wire::Type::kKmsgFollow) {
    if (Decode(message.payload, kmsg)) failure = channel->StartTransfer(RunKmsgFollow, &kmsg, false, true);
  } else if (message.type == wire::Type::kMount) {
    if (Decode(message.payload, mount)) failure = lend(0) ? Failure() : start_silent(RunMount, &mount);
  } else if (message.type == wire::Type::kUnmount) {
    if (Decode(message.payload, unmount)) failure = start_silent(RunUnmount, &unmount);
  } else if (message.type == wire::Type::kLoadModule) {
    if (Decode(message.payload, load.request)) failure = start_silent(RunLoadModule, &load);
  } else if (message.type == wire::Type::kUnloadModule) {
    if (Decode(message.payload, unload)) failure = start_silent(RunUnloadModule, &unload);
  } else if (message.type == wire::Type::kAwaitFile) {
    if (Decode(message.payload, await)) failure = start_silent(RunAwaitFile, &await);
  } else if (message.payload.size == 0) {
    failure = start_silent(RunSyncDisks, nullptr);
  }
  if (failure) channel->Refuse(failure);
}

bool Session::HandleFile(const Message& message, Failure& failure) {
  switch (message.type) {
    case wire::Type::kMkdir:
      failure = Do<wire::MkdirOf<Owner>>(message.payload, MakeFolder);
      return true;
    case wire::Type::kSymlink:
      failure = Do<wire::SymlinkOf<Owner>>(message.payload, MakeSymlink);
      return true;
    case wire::Type::kSetModified:
      failure = Do<wire::SetModifiedOf<Owner>>(message.payload, SetModified);
      return true;
    case wire::Type::kWriteFile:
      failure = Do<wire::WriteFileOf<Owner>>(
          message.payload, [this](const auto& request) { return WriteFile(request, roots_); });
      return true;
    default:
      return false;
  }
}

bool Session::HandleMachine(const Message& message, Failure& failure) {
  switch (message.type) {
    case wire::Type::kMount:
      failure = Do<wire::MountOf<Owner>>(message.payload, Mount);
      return true;
    case wire::Type::kSwitchRoot:
      failure = Do<wire::SwitchRootOf<Owner>>(message.payload, SwitchRoot);
      return true;
    case wire::Type::kLeaveRoot:
      failure = Do<wire::LeaveRootOf<Owner>>(
          message.payload,
          [this](const wire::LeaveRootOf<Owner>& request) { return LeaveRoot(request, roots_); });
      return true;
    case wire::Type::kSetClock:
      failure = Do<wire::SetClock>(message.payload, agent::SetClock);
      return true;
    case wire::Type::kSetHostname:
      failure = Do<wire::SetHostnameOf<Owner>>(message.payload, SetHostname);
      return true;
    case wire::Type::kEntropy:
      failure = Do<wire::EntropyOf<Owner>>(message.payload, AddEntropy);
      return true;
    case wire::Type::kNetUp:
      failure = Do<wire::NetUpOf<Owner>>(message.payload, NetUp);
      return true;
    default:
      return false;
  }
}

void Session::EndMachineAfterReply(const Message& message) {
  if (!may_change_machine_)
    return Refuse(message, Failed(EPERM, "end the machine: this agent is not its init"));
  Reply(message, {});
  for (int tries = 0; tries < 20 && link_->connected(); ++tries) {
    Flush();
    if (outbox_.size() == 0) break;
    pollfd room = {link_->fd(), POLLOUT, 0};
    poll(&room, 1, 50);
  }
  EndMachine(message.type == wire::Type::kReboot, roots_);
  Log(Text("the kernel refused to end the machine: ", strerror(errno)));
}

void Session::Reply(const Message& message, const Failure& failure) {
  if (failure && message.chained) chain_failed_ = true;
  wire::ReplyOf<Owner> reply;
  reply.error = static_cast<uint32_t>(failure.error);
  reply.what = failure.what.view();
  outbox_.Send(message.channel, reply);
}

/// Answers a request that was not begun in the form that the host waits for.
void Session::Refuse(const Message& message, const Failure& failure) {
  if (message.type != wire::Type::kExec) return Reply(message, failure);
  wire::ExitedOf<Owner> exited;
  exited.code = 126;
  exited.error = static_cast<uint32_t>(failure.error);
  exited.what = failure.what.view();
  outbox_.Send(message.channel, exited);
}

}  // namespace kiln::agent
