#include "pool/service.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/strings.h"

namespace kiln::pool {
namespace {

using nlohmann::json;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr size_t kMostConnections = 256;
/// Whoever has connected has this long to ask.
constexpr Duration kQuestionLimit = seconds(5);
constexpr Duration kTick = seconds(20);
/// A run has the CPUs to itself for so long before the clone that it took is replaced.
constexpr Duration kQuiet = milliseconds(400);
/// A run that asked in vain for a machine may be making its template now.
constexpr Duration kReplanDelay = seconds(3);
/// A clone that has waited longer is replaced.
constexpr Duration kMostAge = hours(1);
constexpr Duration kFirstPause = seconds(2);
constexpr Duration kLongestPause = seconds(300);
constexpr Duration kEmptyLife = seconds(10);
/// Of a clone that has rehearsed, until one has been measured.
constexpr uint64_t kUsualClone = uint64_t{150} << 20;

}  // namespace

Result<std::unique_ptr<Service>> Service::Open(const std::string& runtime, sys::Loop& loop, Stable& stable) {
  std::unique_ptr<Service> service(new Service(loop, stable));
  KILN_TRY(service->Listen(runtime));
  service->empty_since_ = loop.clock().Now();
  service->Tick();
  return service;
}

Service::~Service() {
  *alive_ = false;
  if (lock_ && !path_.empty()) ::unlink(path_.c_str());
}

Result<> Service::Listen(const std::string& runtime) {
  const std::string lock = sys::JoinPath(runtime, run::kPoolLock);
  lock_ = KILN_TRY(sys::FileLock::Try(lock, sys::FileLock::Mode::kExclusive), "the pool's lock");
  if (!lock_) return MakeError(ErrorCode::kBusy, "a pool runs already ({} is held)", lock);
  const std::string path = sys::JoinPath(runtime, run::kPoolSocket);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return MakeError(ErrorCode::kUnsupported, "the path {} is too long for a socket ({} bytes at most)", path,
                     sizeof address.sun_path - 1)
        .Hint("set XDG_RUNTIME_DIR to a shorter path");
  }
  ::memcpy(address.sun_path, path.data(), path.size());
  listener_ = sys::Fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener_) return ErrnoError(errno, "make the pool's socket");
  // Whoever held the lock before us is dead, and its socket means nothing.
  if (::unlink(path.c_str()) != 0 && errno != ENOENT)
    return ErrnoError(errno, "remove the old socket {}", path);
  if (::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return ErrnoError(errno, "make the socket {}", path);
  path_ = path;
  if (::chmod(path.c_str(), 0600) != 0) return ErrnoError(errno, "close the socket {} to others", path);
  if (::listen(listener_.get(), 64) != 0) return ErrnoError(errno, "listen at {}", path);
  accept_watch_ = KILN_TRY(loop_.Watch(listener_.get(), EPOLLIN, [this](uint32_t) { Accept(); }));
  return {};
}

// ── connections ──

void Service::Accept() {
  sys::Fd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket || connections_.size() >= kMostConnections) return;
  const auto user = run::PeerUser(socket.get());
  if (!user || *user != ::geteuid()) return;
  const uint64_t id = next_connection_++;
  auto watch = loop_.Watch(socket.get(), EPOLLIN, [this, id](uint32_t) { OnReadable(id); });
  if (!watch) return;
  Connection& connection = connections_[id];
  connection.socket = std::move(socket);
  connection.watch = *std::move(watch);
  connection.limit = loop_.After(kQuestionLimit, [this, id] { Close(id); });
}

void Service::OnReadable(uint64_t id) {
  Connection& connection = connections_.at(id);
  const auto packet = run::ReceivePacket(connection.socket.get());
  if (!packet && packet.error().code() == ErrorCode::kBusy) return;
  if (connection.is_lease) return EndLease(id);
  if (!packet || packet->message.empty() || connection.is_pending) return Close(id);
  connection.limit.Reset();
  const auto question = run::ParsePoolQuestion(packet->message);
  if (!question) return Answer(id, {.error = question.error(), .text = {}});
  HandleQuestion(id, *question);
}

void Service::HandleQuestion(uint64_t id, const run::PoolQuestion& question) {
  using Kind = run::PoolQuestion::Kind;
  switch (question.kind) {
    case Kind::kLend:
      return Lend(id, question.key);
    case Kind::kStatus:
      return Answer(id, {.error = {}, .text = Status()});
    case Kind::kStop: {
      const std::string before = Status();
      Stop(question.now);
      return Answer(id, {.error = {}, .text = before});
    }
    case Kind::kAdd:
      connections_.at(id).is_pending = true;
      return Add(question.request, question.size, [this, id](const Result<>& done) {
        if (!connections_.contains(id)) return;  // Nobody waits for it any more.
        run::PoolAnswer answer{.error = {}, .text = Status()};
        if (!done) answer.error = done.error();
        Answer(id, answer);
        // Who was begun for what can't be has nothing to wait for.
        if (!done && kept_.empty()) Stop(false);
      });
  }
}

// The connection stays until the client closes it, so that `stop` can wait for our end.
void Service::Answer(uint64_t id, const run::PoolAnswer& answer) {
  Connection& connection = connections_.at(id);
  connection.is_pending = true;
  if (!run::SendPacket(connection.socket.get(), run::Encode(answer))) Close(id);
}

void Service::Close(uint64_t id) { connections_.erase(id); }

// ── lending ──

void Service::End(Box& box) {
  box.state = Box::State::kDying;
  box.clone->Kill();
}

void Service::Lend(uint64_t id, const std::string& key) {
  bool is_known = false;
  for (Kept& kept : kept_) {
    if (stopping_ || kept.dropped || !kept.shape || kept.shape->key != key) continue;
    is_known = true;
    const auto box = std::ranges::find(kept.boxes, Box::State::kWaiting, &Box::state);
    if (box == kept.boxes.end()) continue;
    Connection& connection = connections_.at(id);
    const auto handover = box->clone->HandOver();
    if (!handover) {
      kept.problem = handover.error().Text();
      End(*box);
      continue;
    }
    const auto& channels = handover->channels;
    const run::PoolAnswer answer{.error = {}, .argv = handover->argv, .text = handover->console};
    box->state = Box::State::kLent;
    box->since = loop_.clock().Now();
    box->lease = id;
    connection.is_lease = true;
    const auto sent = run::SendPacket(
        connection.socket.get(), run::Encode(answer),
        {channels.console.get(), channels.agent.get(), channels.qmp.get(), channels.errors.get()});
    if (!sent) return EndLease(id);
    quiet_until_ = loop_.clock().Now() + kQuiet;
    return Refill();
  }
  Answer(id, {.error = MakeError(ErrorCode::kNotFound, "no clone of this machine waits"), .text = {}});
  if (!is_known) ReplanSoon();
}

// The client learns the end of QEMU by the end of the connection.
void Service::EndLease(uint64_t id) {
  for (Kept& kept : kept_) {
    const auto box = std::ranges::find_if(
        kept.boxes, [&](const Box& one) { return one.state == Box::State::kLent && one.lease == id; });
    if (box == kept.boxes.end()) continue;
    connections_.at(id).watch.Reset();
    return End(*box);
  }
  Close(id);  // Its QEMU had ended before.
}

void Service::OnEnded(Kept* kept, BoxPlace box, const sys::ExitStatus& status) {
  const uint64_t lease = box->lease;
  const bool told = box->state == Box::State::kLent;
  if (box->state == Box::State::kWaiting)
    kept->problem = fmt::format("a waiting clone's QEMU ended ({})", status.Text());
  box->state = Box::State::kDying;
  if (told && connections_.contains(lease))
    (void)run::SendPacket(connections_.at(lease).socket.get(), run::EncodeEnd(status));
  else if (lease != 0)
    Close(lease);
  Bury(kept, box);
}

// Not in the clone's own callback.
void Service::Bury(Kept* kept, BoxPlace box) {
  // Its link and its process both tell of its end.
  if (std::exchange(box->is_buried, true)) return;
  loop_.Post([this, kept, box, alive = alive_] {
    if (!*alive) return;
    kept->boxes.erase(box);
    if (kept->dropped && kept->boxes.empty()) {
      kept_.remove_if([&](const Kept& one) { return &one == kept; });
      if (kept_.empty()) empty_since_ = loop_.clock().Now();
    }
    if (CountAll(Box::State::kLent) == 0) quiet_until_ = {};
    CheckEnd();
    Refill();
  });
}

// ── keeping ──

size_t Service::Count(const Kept& kept, Box::State state) const {
  return static_cast<size_t>(std::ranges::count(kept.boxes, state, &Box::state));
}

size_t Service::CountAll(Box::State state) const {
  size_t count = 0;
  for (const Kept& kept : kept_) count += Count(kept, state);
  return count;
}

uint64_t Service::UsualBytes() const {
  uint64_t most = 0;
  for (const Kept& kept : kept_) {
    for (const Box& box : kept.boxes) {
      if (box.state == Box::State::kWaiting) most = std::max(most, stable_.HeldBytes(box.clone->pid()));
    }
  }
  return most > 0 ? most : kUsualClone;
}

// Four fifths of what is free may be taken, and no more than the whole RAM of a machine for each.
Result<> Service::CheckMemory(const run::Request& request, unsigned more) const {
  const uint64_t each = std::min(UsualBytes(), request.memory_bytes + (uint64_t{64} << 20));
  const uint64_t room = stable_.FreeBytes() / 5 * 4;
  if (more * each <= room) return {};
  return MakeError(
             ErrorCode::kNoSpace,
             "{} more clones need about {} of memory ({} each), and of the {} that are free {} may be taken",
             more, FormatSize(more * each), FormatSize(each), FormatSize(stable_.FreeBytes()),
             FormatSize(room))
      .Hint(room / each > 0 ? fmt::format("--size {} fits", room / each) : "free some memory first");
}

void Service::Add(const run::Request& request, unsigned size, std::function<void(Result<>)> ready) {
  auto shape = stable_.Plan(request);
  if (!shape) return ready(shape.error());
  auto found = std::ranges::find_if(kept_, [&](const Kept& kept) {
    return !kept.dropped && kept.shape && kept.shape->key == (*shape)->key;
  });
  const unsigned have = found == kept_.end() ? 0 : found->size;
  if (size > have) {
    if (const auto fits = CheckMemory(request, size - have); !fits) return ready(fits.error());
  }
  stopping_ = false;
  if (found == kept_.end()) found = kept_.emplace(kept_.end());
  found->request = request;
  found->size = size;
  found->shape = *std::move(shape);
  found->pause = {};
  found->retry_at = {};
  found->ready.push_back(std::move(ready));
  // Fewer than before: those that waited longest go.
  size_t waiting = Count(*found, Box::State::kWaiting);
  for (Box& box : found->boxes) {
    if (waiting <= size || box.state != Box::State::kWaiting) continue;
    End(box);
    --waiting;
  }
  if (waiting >= size) TellReady(*found, {});
  Refill();
}

// One at a time: a run that comes meanwhile finds a CPU.
void Service::Refill() {
  if (stopping_ || CountAll(Box::State::kWarming) > 0) return;
  const TimePoint now = loop_.clock().Now();
  std::optional<TimePoint> next;
  for (Kept& kept : kept_) {
    if (kept.dropped || !kept.shape || Count(kept, Box::State::kWaiting) >= kept.size) continue;
    const TimePoint due = std::max(quiet_until_, kept.retry_at);
    if (due > now) {
      next = std::min(next.value_or(due), due);
      continue;
    }
    const auto woken = WakeOne(kept);
    if (woken) return;
    next = kept.retry_at;
  }
  refill_timer_.Reset();
  if (next) refill_timer_ = loop_.After(*next - now, [this] { Refill(); });
}

Result<> Service::WakeOne(Kept& kept) {
  Kept* const place = &kept;
  const auto box = kept.boxes.emplace(kept.boxes.end());
  box->since = loop_.clock().Now();
  auto fits = CheckMemory(kept.request, 1);
  Result<std::unique_ptr<Clone>> clone(std::unique_ptr<Clone>{});
  if (fits) {
    clone = stable_.Wake(
        kept.shape,
        {.ready = [this, place, box](Result<> result) { OnReady(place, box, std::move(result)); },
         .ended = [this, place, box](const sys::ExitStatus& status) { OnEnded(place, box, status); }});
  }
  if (fits && clone) {
    box->clone = *std::move(clone);
    return {};
  }
  kept.boxes.erase(box);
  const Error error = fits ? clone.error() : fits.error();
  kept.problem = error.Text();
  kept.pause = std::clamp(kept.pause * 2, kFirstPause, kLongestPause);
  kept.retry_at = loop_.clock().Now() + kept.pause;
  TellReady(kept, error);
  return error;
}

void Service::OnReady(Kept* kept, BoxPlace box, Result<> result) {
  box->since = loop_.clock().Now();
  if (result && box->state == Box::State::kWarming) {
    box->state = Box::State::kWaiting;
    kept->problem.clear();
    kept->pause = {};
    if (Count(*kept, Box::State::kWaiting) >= kept->size) TellReady(*kept, {});
    // It may have been made while the size shrank or the machine changed.
    return loop_.Post([this, alive = alive_] {
      if (*alive) Refill();
    });
  }
  const bool was_wanted = box->state == Box::State::kWarming;
  box->state = Box::State::kDying;
  if (was_wanted && !result) {
    kept->problem = fmt::format("a clone did not get ready: {}", result.error().Text());
    kept->pause = std::clamp(kept->pause * 2, kFirstPause, kLongestPause);
    kept->retry_at = loop_.clock().Now() + kept->pause;
    TellReady(*kept, Error(result.error()).Context("a clone did not get ready"));
  }
  Bury(kept, box);
}

// A machine of which no clone ever got ready is not kept.
void Service::TellReady(Kept& kept, const Result<>& result) {
  if (kept.ready.empty()) return;
  const auto waiting = std::exchange(kept.ready, {});
  if (!result && Count(kept, Box::State::kWaiting) == 0 && Count(kept, Box::State::kLent) == 0) Drop(kept);
  for (const auto& tell : waiting) {
    loop_.Post([tell, result, alive = alive_] {
      if (*alive) tell(result);
    });
  }
}

void Service::Drop(Kept& kept) {
  kept.dropped = true;
  bool has_boxes = false;
  for (Box& box : kept.boxes) {
    has_boxes = true;
    if (box.state != Box::State::kLent && box.state != Box::State::kDying) End(box);
  }
  if (has_boxes) return;
  loop_.Post([this, place = &kept, alive = alive_] {
    if (!*alive) return;
    kept_.remove_if([&](const Kept& one) { return &one == place && one.boxes.empty(); });
    if (kept_.empty()) empty_since_ = loop_.clock().Now();
    CheckEnd();
  });
}

// ── freshness ──

// A clone of a machine that would be planned differently now is never asked for again.
void Service::Replan() {
  replan_timer_.Reset();
  const TimePoint now = loop_.clock().Now();
  for (Kept& kept : kept_) {
    if (kept.dropped) continue;
    auto shape = stable_.Plan(kept.request);
    const bool is_same = shape && kept.shape && (*shape)->key == kept.shape->key;
    if (!shape) kept.problem = shape.error().Text();
    if (shape && !is_same) kept.problem.clear();
    for (Box& box : kept.boxes) {
      const bool is_stale = !is_same || now - box.since > kMostAge;
      if (is_stale && (box.state == Box::State::kWaiting || box.state == Box::State::kWarming)) End(box);
    }
    if (!is_same) kept.shape = shape ? *std::move(shape) : nullptr;
  }
  Refill();
}

void Service::ReplanSoon() {
  if (!replan_timer_) replan_timer_ = loop_.After(kReplanDelay, [this] { Replan(); });
}

void Service::Tick() {
  Replan();
  if (kept_.empty() && loop_.clock().Now() - empty_since_ > kEmptyLife) Stop(false);
  tick_ = loop_.After(kTick, [this] { Tick(); });
}

// ── the end ──

void Service::Stop(bool now) {
  stopping_ = true;
  refill_timer_.Reset();
  for (Kept& kept : kept_) {
    TellReady(kept, MakeError(ErrorCode::kCancelled, "the pool was stopped"));
    for (Box& box : kept.boxes) {
      if (box.state != Box::State::kDying && (box.state != Box::State::kLent || now)) End(box);
    }
  }
  CheckEnd();
}

void Service::CheckEnd() {
  if (!stopping_) return;
  ended_ = std::ranges::all_of(kept_, [](const Kept& kept) { return kept.boxes.empty(); });
}

std::string Service::Status() const {
  const TimePoint now = loop_.clock().Now();
  json machines = json::array();
  for (const Kept& kept : kept_) {
    json clones = json::array();
    for (const Box& box : kept.boxes) {
      static constexpr std::string_view kStates[] = {"warming", "waiting", "lent", "ending"};
      clones.push_back({{"pid", box.clone->pid()},
                        {"state", kStates[static_cast<size_t>(box.state)]},
                        {"since_s", Seconds(now - box.since)},
                        {"pss_bytes", stable_.HeldBytes(box.clone->pid())}});
    }
    json machine = {{"size", kept.size},
                    {"waiting", Count(kept, Box::State::kWaiting)},
                    {"warming", Count(kept, Box::State::kWarming)},
                    {"lent", Count(kept, Box::State::kLent)},
                    {"key", kept.shape ? json(kept.shape->key) : json(nullptr)},
                    {"template", kept.shape ? json(kept.shape->frozen_key()) : json(nullptr)},
                    {"problem", kept.problem.empty() ? json(nullptr) : json(ToValidUtf8(kept.problem))},
                    {"memory_bytes", kept.request.memory_bytes},
                    {"root", ToValidUtf8(kept.request.root)},
                    {"clones", std::move(clones)}};
    if (kept.shape) {
      const run::Plan& plan = kept.shape->plan;
      machine["kernel"] = ToValidUtf8(plan.kernel.release.empty() ? plan.kernel.image : plan.kernel.release);
      machine["cpus"] = plan.machine.cpus;
      machine["accelerator"] = machine::Name(plan.machine.accelerator);
    }
    machines.push_back(std::move(machine));
  }
  const json status = {{"schema", 1},
                       {"pid", ::getpid()},
                       {"socket", ToValidUtf8(path_)},
                       {"stopping", stopping_},
                       {"machines", std::move(machines)}};
  return status.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace kiln::pool
