#pragma once

#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/result.h"
#include "sys/stream.h"
#include "vm/line_buffer.h"

namespace kiln::vm {

/// A QMP client on the loop (QEMU's docs/interop/qmp-spec). Negotiates by itself; commands may be sent at
/// once. What QEMU says is bounded and not trusted to be well-formed.
class Qmp {
 public:
  using Reply = std::function<void(Result<nlohmann::json>)>;
  using Event = std::function<void(const std::string& name, const nlohmann::json& data)>;

  /// Takes the connected descriptor. `closed` is told once, after every waiting command got its error.
  static Result<std::unique_ptr<Qmp>> Create(sys::Loop& loop, sys::Fd fd, Event event,
                                             std::function<void()> closed = {});
  ~Qmp();

  /// `reply` gets the "return" value, or an error that names the command and QEMU's words.
  void Execute(std::string_view command, const nlohmann::json& arguments, Reply reply);
  /// With a descriptor passed along, for "getfd".
  void ExecuteWithDescriptor(std::string_view command, const nlohmann::json& arguments, int descriptor,
                             Reply reply);
  bool is_open() const { return stream_->is_open(); }
  /// No answer is outstanding.
  bool is_idle() const { return waiting_.empty() && incoming_.empty() && stream_->queued() == 0; }
  /// Gives the channel away to somebody else's client; only when idle.
  sys::Fd Release() { return stream_->Release(); }
  /// Without arguments, and nobody waits for the answer.
  void Execute(std::string_view command);

 private:
  struct Waiting {
    std::string command;
    Reply reply;
  };
  Qmp() = default;
  std::string Enqueue(std::string_view command, const nlohmann::json& arguments, Reply reply);
  void Receive(std::string_view bytes);
  void Line(std::string_view line);
  void FailAll(std::string_view reason);

  std::unique_ptr<sys::Stream> stream_;
  Event event_;
  std::function<void()> closed_;
  LineBuffer incoming_{size_t{16} << 20};  // The longest answer (query-qmp-schema) has about 300 KB.
  std::map<int64_t, Waiting> waiting_;
  int64_t next_id_ = 1;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace kiln::vm
