#pragma once

#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pool/clone.h"
#include "run/pool_message.h"
#include "sys/files.h"
#include "sys/loop.h"

namespace kiln::pool {

/// The service behind the socket: keeps clones waiting, lends them, and ends each when its lease closes. One
/// for a user and runtime folder; it lives as long as it has a machine to keep or a clone that is lent.
class Service {
 public:
  /// Takes the lock and the socket in `runtime`, a private folder. kBusy: another service has them.
  static Result<std::unique_ptr<Service>> Open(const std::string& runtime, sys::Loop& loop, Stable& stable);
  ~Service();

  /// Keeps `size` clones of this machine from now on. `ready` is told once, when they wait or what stops
  /// that.
  void Add(const run::Request& request, unsigned size, std::function<void(Result<>)> ready);
  /// Ends: at once, or when the lent clones are back.
  void Stop(bool now);
  bool has_ended() const { return ended_; }
  /// As `kiln pool status --json` prints it.
  std::string Status() const;

 private:
  struct Box {
    std::unique_ptr<Clone> clone;
    enum class State { kWarming, kWaiting, kLent, kDying } state = State::kWarming;
    TimePoint since{};   // Of the state.
    uint64_t lease = 0;  // The connection, when lent.
    bool is_buried = false;
  };
  using BoxPlace = std::list<Box>::iterator;
  struct Kept {
    run::Request request;
    unsigned size = 0;
    std::shared_ptr<const Shape> shape;
    std::list<Box> boxes;
    std::string problem;
    Duration pause{};  // After a failure; doubles.
    TimePoint retry_at{};
    bool dropped = false;  // Goes when its last box has.
    std::vector<std::function<void(Result<>)>> ready;
  };
  using KeptPlace = std::list<Kept>::iterator;
  struct Connection {
    sys::Fd socket;
    sys::Loop::Handle watch;
    sys::Loop::Handle limit;
    bool is_lease = false;
    bool is_pending = false;  // An add that is not answered yet.
  };

  Service(sys::Loop& loop, Stable& stable) : loop_(loop), stable_(stable) {}
  Result<> Listen(const std::string& runtime);
  void Accept();
  void OnReadable(uint64_t id);
  void HandleQuestion(uint64_t id, const run::PoolQuestion& question);
  void Answer(uint64_t id, const run::PoolAnswer& answer);
  void Close(uint64_t id);

  void Lend(uint64_t id, const std::string& key);
  void EndLease(uint64_t id);
  static void End(Box& box);
  void OnReady(Kept* kept, BoxPlace box, Result<> result);
  void OnEnded(Kept* kept, BoxPlace box, const sys::ExitStatus& status);
  void Bury(Kept* kept, BoxPlace box);

  Result<> CheckMemory(const run::Request& request, unsigned more) const;
  size_t Count(const Kept& kept, Box::State state) const;
  size_t CountAll(Box::State state) const;
  uint64_t UsualBytes() const;
  void Refill();
  Result<> WakeOne(Kept& kept);
  void TellReady(Kept& kept, const Result<>& result);
  void Drop(Kept& kept);
  void Replan();
  void ReplanSoon();
  void Tick();
  void CheckEnd();

  sys::Loop& loop_;
  Stable& stable_;
  std::string path_;
  std::optional<sys::FileLock> lock_;
  sys::Fd listener_;
  sys::Loop::Handle accept_watch_;
  sys::Loop::Handle tick_;
  sys::Loop::Handle refill_timer_;
  sys::Loop::Handle replan_timer_;
  std::map<uint64_t, Connection> connections_;
  uint64_t next_connection_ = 1;
  std::list<Kept> kept_;
  TimePoint quiet_until_{};
  TimePoint empty_since_{};
  bool stopping_ = false;
  bool ended_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace kiln::pool
