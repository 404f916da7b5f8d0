#pragma once

#include "wire/codec.h"

/// Every message, once, for both sides. `T` decides who owns the texts: Borrowed (codec.h) or Owned (wire.h).
/// Each message lists its fields in wire order in Fields(), from which encoder and decoder both follow.
/// Numbers are Linux's own (errno, signals, mount flags, modes): both ends are Linux.
namespace kiln::wire {

/// The two directions of a command's streams, as `stream` in Data, Eof and Credit.
inline constexpr uint8_t kStdin = 0;
inline constexpr uint8_t kStdout = 1;  ///< Also the bytes of a pty, of Get and of KmsgFollow.
inline constexpr uint8_t kStderr = 2;

/// The part of both Hellos that never changes, whatever the version.
template <class T>
struct HelloPrefixOf {
  uint32_t magic = kMagic;
  uint32_t version = kVersion;
  uint32_t min_version = kMinVersion;
  typename T::Text build{};  ///< Free text that names the build, for messages to people.
  template <class M, class F>
  static void Fields(M& m, F& f) {
    f(m.magic), f(m.version), f(m.min_version), f(m.build);
  }
};

/// Host to agent, the first frame after kSync. Begins a session: what an earlier session left running is
/// killed.
template <class T>
struct HostHelloOf {
  static constexpr Type kType = Type::kHello;
  HelloPrefixOf<T> prefix{};
  uint64_t session = 0;  ///< Chosen by the host, not 0; comes back in the agent's Hello.
  uint32_t window = 0;   ///< Bytes the agent may send on each output stream before it needs Credit.
  template <class M, class F>
  static void Fields(M& m, F& f) {
    HelloPrefixOf<T>::Fields(m.prefix, f), f(m.session), f(m.window);
  }
};

enum LinkKind : uint8_t { kLinkSocket = 0, kLinkVirtioSerial = 1, kLinkSerial = 2, kLinkVsock = 3 };

/// Agent to host, after kSync: once unasked when the link opens (session 0), then in answer to each host
/// Hello.
template <class T>
struct AgentHelloOf {
  static constexpr Type kType = Type::kHello;
  HelloPrefixOf<T> prefix{};
  uint64_t session = 0;        ///< Of the host's Hello that this answers; 0 when unasked.
  uint32_t window = 0;         ///< Bytes the host may send on each stdin before it needs Credit.
  uint8_t link = 0;            ///< LinkKind.
  uint8_t pid1 = 0;            ///< 1 when the agent is the guest's init.
  uint64_t started_ns = 0;     ///< CLOCK_BOOTTIME when the agent began.
  uint64_t ready_ns = 0;       ///< CLOCK_BOOTTIME when the link was first usable.
  typename T::Text release{};  ///< uname -r, -v, -m.
  typename T::Text kernel_version{};
  typename T::Text machine{};
  typename T::List notes{};  ///< What went wrong on the way up (a module that did not load), a line each.
  template <class M, class F>
  static void Fields(M& m, F& f) {
    HelloPrefixOf<T>::Fields(m.prefix, f), f(m.session), f(m.window), f(m.link), f(m.pid1);
    f(m.started_ns), f(m.ready_ns), f(m.release), f(m.kernel_version), f(m.machine), f(m.notes);
  }
};

inline constexpr uint32_t kExecPty = 1;            ///< stdin, stdout and stderr are one new terminal.
inline constexpr uint32_t kExecStdin = 2;          ///< stdin is a pipe fed by Data; otherwise /dev/null.
inline constexpr uint32_t kExecMergeStderr = 4;    ///< stderr goes where stdout goes.
inline constexpr uint32_t kExecDiscardOutput = 8;  ///< stdout and stderr are /dev/null.

/// Runs a command. Answered by Started once it really runs, then Data/Eof of its outputs, then Exited; or,
/// when it could not be started, by Exited alone. argv[0] without a slash is looked up in the PATH of `env`
/// (or /usr/local/sbin … /bin when it has none), in the guest. Exited comes when the command itself has ended
/// and its outputs are at their end. A background process that keeps an output open delays it by at most a
/// grace of 100 ms, after which what is in the pipe is sent and the rest is not waited for.
template <class T>
struct ExecOf {
  static constexpr Type kType = Type::kExec;
  typename T::List argv{};
  typename T::List env{};  ///< "NAME=value"; nothing else is in the command's environment.
  typename T::Text cwd{};  ///< Empty: "/".
  uint32_t uid = 0;
  uint32_t gid = 0;
  typename T::Numbers groups{};  ///< Supplementary groups.
  uint32_t flags = 0;            ///< kExec…
  uint32_t rows = 0;             ///< Size of the terminal; 0: not set.
  uint32_t cols = 0;
  /// Where the host knows argv[0] to be, tried before the PATH: each folder of that may cost a round trip to
  /// the host. Empty: not known.
  typename T::Text program{};
  template <class M, class F>
  static void Fields(M& m, F& f) {
    f(m.argv), f(m.env), f(m.cwd), f(m.uid), f(m.gid), f(m.groups), f(m.flags), f(m.rows), f(m.cols);
    f(m.program);
  }
};

struct Eof {
  static constexpr Type kType = Type::kEof;
  uint8_t stream = 0;
  template <class M, class F>
  static void Fields(M& m, F& f) {
    f(m.stream);
  }
};

/// The sender of this has used up `bytes` of what it was sent on `stream`, so as much more may be sent.
struct Credit {
  static constexpr Type kType = Type::kCredit;
  uint8_t stream = 0;
  uint32_t bytes = 0;
  template <class M, class F>
  static void Fields(M& m, F& f) {
    f(m.stream), f(m.bytes);
  }
};

struct Ping {
  static constexpr Type kType = Type::kPing;
  uint64_t token = 0;
  template <class M, class F>
  static void Fields(M& m, F& f) {
    f(m.token);
  }
};
/// Answers Ping on the same channel.
struct Pong {
  static constexpr Type kType = Type::kPong;
  uint64_t token = 0;
  template <class M, class F>
  static void Fields(M& m, F& f) {
    f(m.token);
  }
};

/// To the command's process group and, when it has a terminal, to the group in its foreground.
struct Signal {
  static constexpr Type kType = Type::kSignal;
  uint32_t signal = 0;
  template <class M, class F>
  static void Fields(M& m, F& f) {
    f(m.signal);
  }
};

struct Resize {
  static constexpr Type kType = Type::kResize;
  uint32_t rows = 0;
  uint32_t cols = 0;
  template <class M, class F>
  static void Fields(M& m, F& f) {
    f(m.rows), f(m.cols);
  }
};

/// Ends whatever the channel does: a command is killed, a Put leaves nothing behind. Answered by the
/// channel's usual last message.
struct Close {
  static constexpr Type kType = Type::kClose;
  template <class M, class F>
  static void Fields(M&, F&) {}
};

/// Data (stream kStdin) and Eof follow and become the file `path`, which appears whole or not at all: the
/// bytes go to a new file beside it that is renamed over it. Answered by Reply.
template <class T>
struct PutOf {
  static constexpr Type kType = Type::kPut;
  typename T::Text path{};
  uint32_t mode = 0644;
  uint32_t uid = 0;
  uint32_t gid = 0;
  uint8_t parents = 0;  ///< 1: make missing folders above it.
  template <class M, class F>
  static void Fields(M& m, F& f) {
    f(m.path), f(m.mode), f(m.uid), f(m.gid), f(m.parents);
  }
};

/// Answered by FileInfo, Data (stream kStdout), Eof, Reply; or by Reply alone when it cannot be opened.
template <class T>
struct GetOf {
  static constexpr Type kType = Type::kGet;
  typename T::Text path{};
  template <class M, class F>
  static void Fields(M& m, F& f) {
    f(m.path);
  }
};

struct FileInfo {
  static constexpr Type kType = Type::kFileInfo;
  uint32_t mode = 0;
  uint32_t uid = 0;
  uint32_t gid = 0;
  uint64_t size = 0;  ///< As stat says; files in /proc say 0 and still have bytes.
  uint64_t mtime_ns = 0;
  template <class M, class F>
  static void Fields(M& m, F& f) {
    f(m.mode), f(m.uid), f(m.gid), f(m.size), f(m.mtime_ns);
  }
};

/// mount(2).
template <class T>
struct MountOf {
  static constexpr Type kType = Type::kMount;
  typename T::Text source{};
  typename T::Text target{};
  typename T::Text fstype{};
  uint64_t flags = 0;  ///< MS_… of mount(2).
  typename T::Text options{};
  uint8_t mkdir = 0;  ///< 1: make `target` and the folders above it first.
  template <class M, class F>
  static void Fields(M& m, F& f) {
    f(m.source), f(m.target), f(m.fstype), f(m.flags), f(m.options), f(m.mkdir);
  }
};

template <class T>
struct UnmountOf {
  static constexpr Type kType = Type::kUnmount;
  typename T::Text target{};
  uint32_t flags = 0;  ///< MNT_… of umount2(2).
  template <class M, class F>
  static void Fields(M& m, F& f) {
    f(m.target), f(m.flags);
  }
};

/// Makes a folder and those above it; one that is there already is no error.
template <class T>
struct MkdirOf {
  static constexpr Type kType = Type::kMkdir;
  typename T::Text path{};
  uint32_t mode = 0755;  ///< Of the last one.
  /// In the upper folder of an overlay: it does not show what is below it there. Nothing where the file
  /// system has no attributes of the kind (trusted.*).
  uint8_t opaque = 0;
  template <class M, class F>
  static void Fields(M& m, F& f) {
    f(m.path), f(m.mode), f(m.opaque);
  }
};

template <class T>
struct SymlinkOf {
  static constexpr Type kType = Type::kSymlink;
  typename T::Text target{};
  typename T::Text path{};  ///< A symlink that is there already is replaced.
  template <class M, class F>
  static void Fields(M& m, F& f) {
    f(m.target), f(m.path);
  }
};

/// WriteFile::create.
inline constexpr uint8_t kExistingFile = 0;
inline constexpr uint8_t kMakeFile = 1;  ///< Mode 0644; one that is there is emptied.
inline constexpr uint8_t kKeepFile = 2;  ///< The same, and it is kept mapped.

/// One write(2) of `bytes` to `path`: a knob in /proc or /sys, or a small file. With kKeepFile the agent
/// keeps the file mapped: when it is to write as many bytes to the same file without making it, it does so in
/// memory. (In a clone that saves each call of the kernel's, which an emulator would have to translate.)
/// Nothing that could make the file shorter may run in between.
template <class T>
struct WriteFileOf {
  static constexpr Type kType = Type::kWriteFile;
  typename T::Text path{};
  typename T::Text bytes{};
  uint8_t create = kExistingFile;
  uint8_t in_initramfs = 0;  ///< 1: `path` is in the initramfs, also after SwitchRoot.
  template <class M, class F>
  static void Fields(M& m, F& f) {
    f(m.path), f(m.bytes), f(m.create), f(m.in_initramfs);
  }
};

/// Makes the file system mounted at `path` the root of everything. /proc, /sys, /dev and /run move along
/// where `path` has a folder for them. No chroot is left, so commands can make user namespaces.
template <class T>
struct SwitchRootOf {
  static constexpr Type kType = Type::kSwitchRoot;
  typename T::Text path{};
  template <class M, class F>
  static void Fields(M& m, F& f) {
    f(m.path);
  }
};

/// Undoes SwitchRoot: the initramfs is the root again, with /proc, /sys, /dev and /run, and what was the root
/// is mounted at `path` in it.
template <class T>
struct LeaveRootOf {
  static constexpr Type kType = Type::kLeaveRoot;
  typename T::Text path{};
  template <class M, class F>
  static void Fields(M& m, F& f) {
    f(m.path);
  }
};

/// Sets when `path` itself was last changed (st_mtime, also of a symbolic link).
template <class T>
struct SetModifiedOf {
  static constexpr Type kType = Type::kSetModified;
  typename T::Text path{};
  uint64_t mtime_ns = 0;  ///< Since 1970.
  template <class M, class F>
  static void Fields(M& m, F& f) {
    f(m.path), f(m.mtime_ns);
  }
};

/// Answered when `path` exists: a device that is on its way. ETIMEDOUT after `limit_ms`.
template <class T>
struct AwaitFileOf {
  static constexpr Type kType = Type::kAwaitFile;
  typename T::Text path{};
  uint32_t limit_ms = 0;
  template <class M, class F>
  static void Fields(M& m, F& f) {
    f(m.path), f(m.limit_ms);
  }
};

/// A module that is in the kernel already is no error.
template <class T>
struct LoadModuleOf {
  static constexpr Type kType = Type::kLoadModule;
  typename T::Text path{};
  typename T::Text parameters{};
  uint8_t from_initramfs = 0;  ///< 1: `path` is in the initramfs, also after SwitchRoot.
  template <class M, class F>
  static void Fields(M& m, F& f) {
    f(m.path), f(m.parameters), f(m.from_initramfs);
  }
};

template <class T>
struct UnloadModuleOf {
  static constexpr Type kType = Type::kUnloadModule;
  typename T::Text name{};
  uint8_t force = 0;
  template <class M, class F>
  static void Fields(M& m, F& f) {
    f(m.name), f(m.force);
  }
};

struct SetClock {
  static constexpr Type kType = Type::kSetClock;
  uint64_t realtime_ns = 0;  ///< Since 1970.
  template <class M, class F>
  static void Fields(M& m, F& f) {
    f(m.realtime_ns);
  }
};

template <class T>
struct SetHostnameOf {
  static constexpr Type kType = Type::kSetHostname;
  typename T::Text name{};
  template <class M, class F>
  static void Fields(M& m, F& f) {
    f(m.name);
  }
};

/// Credited to the kernel's pool in full; then the generator is reseeded from it.
template <class T>
struct EntropyOf {
  static constexpr Type kType = Type::kEntropy;
  typename T::Text bytes{};  ///< At most 512.
  template <class M, class F>
  static void Fields(M& m, F& f) {
    f(m.bytes);
  }
};

/// The kernel's log as Data (stream kStdout) in the format of /dev/kmsg, each frame whole records, until
/// Close.
struct KmsgFollow {
  static constexpr Type kType = Type::kKmsgFollow;
  uint8_t from_now = 0;  ///< 1: skip what is there already.
  template <class M, class F>
  static void Fields(M& m, F& f) {
    f(m.from_now);
  }
};

/// Brings an interface up. The loopback one is brought up on the way whatever `name` is.
template <class T>
struct NetUpOf {
  static constexpr Type kType = Type::kNetUp;
  typename T::Text name{};
  typename T::Text address{};  ///< IPv4 with its prefix, "10.0.2.15/24"; empty: none.
  typename T::Text gateway{};  ///< IPv4 of the default route; empty: none.
  typename T::Text mac{};      ///< "52:54:00:12:34:56"; empty: as it is.
  template <class M, class F>
  static void Fields(M& m, F& f) {
    f(m.name), f(m.address), f(m.gateway), f(m.mac);
  }
};

/// sync(2), done in a process of its own so that a hung disk holds nobody up.
struct SyncDisks {
  static constexpr Type kType = Type::kSyncDisks;
  template <class M, class F>
  static void Fields(M&, F&) {}
};
/// Answered before it is done, then the machine goes.
struct PowerOff {
  static constexpr Type kType = Type::kPowerOff;
  template <class M, class F>
  static void Fields(M&, F&) {}
};
struct Reboot {
  static constexpr Type kType = Type::kReboot;
  template <class M, class F>
  static void Fields(M&, F&) {}
};
/// Forgets that a chained request failed.
struct ResetChain {
  static constexpr Type kType = Type::kResetChain;
  template <class M, class F>
  static void Fields(M&, F&) {}
};

/// The end of every request but Exec.
template <class T>
struct ReplyOf {
  static constexpr Type kType = Type::kReply;
  uint32_t error = 0;       ///< errno, 0 when all went well.
  typename T::Text what{};  ///< What was tried on what, when it failed: "mount 9p host on /newroot".
  template <class M, class F>
  static void Fields(M& m, F& f) {
    f(m.error), f(m.what);
  }
};

struct Started {
  static constexpr Type kType = Type::kStarted;
  uint32_t pid = 0;  ///< In the guest.
  template <class M, class F>
  static void Fields(M& m, F& f) {
    f(m.pid);
  }
};

/// The end of Exec.
template <class T>
struct ExitedOf {
  static constexpr Type kType = Type::kExited;
  uint32_t code = 0;        ///< Exit code; 127 or 126 when it could not be run; 128 + signal when killed.
  uint32_t signal = 0;      ///< The signal that killed it, or 0.
  uint8_t core = 0;         ///< 1 when it dumped core.
  uint32_t error = 0;       ///< errno when it could not be started, else 0.
  typename T::Text what{};  ///< Then: what was tried on what ("run foo", "change to folder /x").
  uint64_t real_ns = 0;
  uint64_t user_us = 0;  ///< Of it and of the children it waited for.
  uint64_t system_us = 0;
  uint64_t max_rss_kib = 0;
  template <class M, class F>
  static void Fields(M& m, F& f) {
    f(m.code), f(m.signal), f(m.core), f(m.error), f(m.what);
    f(m.real_ns), f(m.user_us), f(m.system_us), f(m.max_rss_kib);
  }
};

/// The command closed its stdin: what is sent now is thrown away, so stop sending.
struct StdinClosed {
  static constexpr Type kType = Type::kStdinClosed;
  template <class M, class F>
  static void Fields(M&, F&) {}
};

/// A line for the person at the other end.
template <class T>
struct LogOf {
  static constexpr Type kType = Type::kLog;
  typename T::Text line{};
  template <class M, class F>
  static void Fields(M& m, F& f) {
    f(m.line);
  }
};

}  // namespace kiln::wire
