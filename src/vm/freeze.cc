#include "vm/freeze.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <nlohmann/json.hpp>

namespace kiln::vm {
namespace {

constexpr size_t kPage = 4096;
constexpr int kMostTries = 10'000;
constexpr size_t kPiece = size_t{4} << 20;

bool IsZero(const char* page) {
  const auto* words = reinterpret_cast<const uint64_t*>(page);
  uint64_t any = 0;
  for (size_t i = 0; i < kPage / sizeof *words; ++i) any |= words[i];
  return any == 0;
}

Result<> WriteAt(int fd, const char* bytes, size_t size, off_t offset) {
  while (size > 0) {
    const ssize_t count = ::pwrite(fd, bytes, size, offset);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return ErrnoError(count < 0 ? errno : EIO, "write a template's memory");
    bytes += count;
    size -= static_cast<size_t>(count);
    offset += count;
  }
  return {};
}

// Writes one mapped piece, leaving out the pages that hold only zeros: a guest clears far more than it uses.
Result<> WritePiece(int to, const char* bytes, size_t size, off_t offset) {
  for (size_t begin = 0; begin < size;) {
    if (size - begin >= kPage && IsZero(bytes + begin)) {
      begin += kPage;
      continue;
    }
    size_t end = begin + kPage;
    while (end + kPage <= size && !IsZero(bytes + end)) end += kPage;
    end = std::min(end, size);
    KILN_TRY(WriteAt(to, bytes + begin, end - begin, offset + static_cast<off_t>(begin)));
    begin = end;
  }
  return {};
}

// x-ignore-shared: RAM in a shared file stays where it is, only device state goes through the stream. events:
// its progress is told. Few words, as QEMU reads QMP a byte at a time and changes threads for each.
void SetCapabilities(Qmp& qmp, const std::vector<std::string>& names, Qmp::Reply reply) {
  nlohmann::json capabilities = nlohmann::json::array();
  for (const std::string& name : names) {
    capabilities.push_back({{"capability", name}, {"state", true}});
  }
  qmp.Execute("migrate-set-capabilities", {{"capabilities", std::move(capabilities)}}, std::move(reply));
}

// The steps of one freeze, each the answer to the one before; lives until the last.
class Freezing : public std::enable_shared_from_this<Freezing> {
 public:
  Freezing(QemuProcess& process, const sys::Fd& live_memory, sys::Fd ram, sys::Fd state,
           std::function<void(Result<>)> done)
      : process_(process),
        live_memory_(live_memory),
        ram_(std::move(ram)),
        state_(std::move(state)),
        done_(std::move(done)) {}

  // Stops it first, as the memory must be copied before it goes on.
  void SaveDevices() {
    Execute("stop");
    process_.qmp().ExecuteWithDescriptor(
        "add-fd", nlohmann::json::object(), state_.get(), [self = shared_from_this()](const auto& added) {
          const auto set = added ? added->find("fdset-id") : nlohmann::json::const_iterator();
          if (!added || set == added->end() || !set->is_number_integer())
            return self->Check(added ? MakeError(ErrorCode::kCorrupt, "QEMU took a file and does not name it")
                                     : added);
          self->SaveDevices(set->template get<int64_t>());
        });
  }

  void Migrate() {
    process_.OnMigration([self = shared_from_this()](const std::string& status) { self->Migrated(status); });
    Qmp& qmp = process_.qmp();
    SetCapabilities(qmp, {"x-ignore-shared", "events"},
                    [self = shared_from_this()](const auto& reply) { self->Check(reply); });
    // Not stopped first: the stream says whether the machine ran, and a clone should. QEMU stops it by itself
    // before it writes the state, and it stays stopped until "cont".
    qmp.ExecuteWithDescriptor("getfd", {{"fdname", "state"}}, state_.get(),
                              [self = shared_from_this()](const auto& reply) { self->Check(reply); });
    Execute("migrate", {{"uri", "fd:state"}});
  }

 private:
  void Execute(std::string_view command, const nlohmann::json& arguments = nlohmann::json::object()) {
    process_.qmp().Execute(command, arguments,
                           [self = shared_from_this()](const auto& reply) { self->Check(reply); });
  }

  void SaveDevices(int64_t set) {
    process_.qmp().Execute("xen-save-devices-state",
                           {{"filename", fmt::format("/dev/fdset/{}", set)}, {"live", false}},
                           [self = shared_from_this(), set](const Result<nlohmann::json>& saved) {
                             if (saved)
                               self->CopyMemory();
                             else
                               self->NotSaved(saved.error());
                             // When it goes on, as QEMU has another one of its own.
                             self->Execute("remove-fd", {{"fdset-id", set}});
                           });
  }

  // QEMU has the same words for a full disk and for a machine that it can't save.
  void NotSaved(Error error) {
    constexpr off_t kMoreThanAnyState = 16 << 20;
    const int full = ::posix_fallocate(state_.get(), 0, kMoreThanAnyState);
    if (full != 0) error = ErrnoError(full, "write the machine's state");
    End(std::move(error).Context("freezing the machine"));
  }

  void CopyMemory() { End(CopySparse(live_memory_.get(), ram_.get())); }

  void Check(const Result<nlohmann::json>& reply) {
    if (!reply) End(Error(reply.error()).Context("freezing the machine"));
  }

  void Migrated(const std::string& status) {
    if (status == "failed" || status == "cancelled") {
      return End(MakeError(ErrorCode::kUnsupported, "freezing the machine: QEMU says that its migration {}",
                           status));
    }
    if (status == "completed") CopyMemory();
  }

  void End(Result<> result) {
    if (!done_) return;
    process_.OnMigration({});
    const auto done = std::exchange(done_, {});
    Continue(kMostTries);
    done(std::move(result));
  }

  // QEMU tells that a migration is complete a moment before it lets the machine go on ("Migration is not
  // finalized yet"), and there is no event for that moment: each refusal is answered by asking again.
  void Continue(int tries) {
    process_.qmp().Execute("cont", nlohmann::json::object(),
                           [self = shared_from_this(), tries](const Result<nlohmann::json>& reply) {
                             const bool gone = !self->process_.qmp().is_open();
                             if (!reply && !gone && tries > 1) self->Continue(tries - 1);
                           });
  }

  QemuProcess& process_;
  const sys::Fd& live_memory_;
  sys::Fd ram_;
  sys::Fd state_;
  std::function<void(Result<>)> done_;
};

}  // namespace

Result<sys::Fd> CreateLiveMemory(uint64_t bytes) {
  sys::Fd fd(::memfd_create("kiln-ram", MFD_CLOEXEC));
  if (!fd) return ErrnoError(errno, "create memory for the machine");
  if (::ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0)
    return ErrnoError(errno, "size the machine's memory");
  return fd;
}

Result<> CopySparse(int from, int to) {
  struct stat info{};
  if (::fstat(from, &info) != 0) return ErrnoError(errno, "look at a machine's memory");
  if (::ftruncate(to, info.st_size) != 0) return ErrnoError(errno, "size a template's memory");
  for (off_t at = 0; at < info.st_size;) {
    const off_t data = ::lseek(from, at, SEEK_DATA);
    if (data < 0 && errno == ENXIO) return {};  // Only a hole is left.
    if (data < 0) return ErrnoError(errno, "find the data of a machine's memory");
    const off_t end = ::lseek(from, data, SEEK_HOLE);
    if (end < 0) return ErrnoError(errno, "find the holes of a machine's memory");
    for (at = data; at < end;) {
      const size_t size = std::min(kPiece, static_cast<size_t>(end - at));
      void* mapped = ::mmap(nullptr, size, PROT_READ, MAP_SHARED | MAP_POPULATE, from, at);
      if (mapped == MAP_FAILED) return ErrnoError(errno, "map a machine's memory");
      auto written = WritePiece(to, static_cast<const char*>(mapped), size, at);
      ::munmap(mapped, size);
      KILN_TRY(std::move(written));
      at += static_cast<off_t>(size);
    }
  }
  return {};
}

void Wake(QemuProcess& process, int incoming_fd, const std::optional<MountedShare>& mounted,
          std::function<void(const Error&)> failed) {
  const auto check = [failed = std::move(failed)](const Error& error) {
    if (error.code() != ErrorCode::kUnavailable) failed(error);
  };
  const auto wake = [&process, incoming_fd, check, with_memory = !mounted] {
    const auto heard = [check](const Result<nlohmann::json>& reply) {
      if (!reply) check(reply.error());
    };
    if (with_memory) SetCapabilities(process.qmp(), {"x-ignore-shared"}, heard);
    process.qmp().Execute("migrate-incoming", {{"uri", fmt::format("fd:{}", incoming_fd)}}, heard);
  };
  if (!mounted) return wake();
  Reattach(process.qtest(), *mounted, [&process, wake, check](const Result<>& attached) {
    process.CloseQtest();
    if (!attached) return check(attached.error());
    wake();
  });
}

void Freeze(QemuProcess& process, const sys::Fd& live_memory, Shares shares, sys::Fd ram, sys::Fd state,
            std::function<void(Result<>)> done) {
  const auto freezing =
      std::make_shared<Freezing>(process, live_memory, std::move(ram), std::move(state), std::move(done));
  if (shares == Shares::kMounted)
    freezing->SaveDevices();
  else
    freezing->Migrate();
}

}  // namespace kiln::vm
