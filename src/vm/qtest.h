#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "sys/stream.h"
#include "vm/line_buffer.h"

namespace kiln::vm {

/// A client of QEMU's test protocol (docs/devel/testing/qtest, system/qtest.c) on the loop: lines by which
/// the devices and the memory of a machine that stands still are read and written. What QEMU says is bounded.
class Qtest {
 public:
  /// What QEMU said to each line, without its "OK".
  using Answers = std::vector<std::string>;

  /// Takes the connected descriptor.
  static Result<std::unique_ptr<Qtest>> Create(sys::Loop& loop, sys::Fd fd);
  ~Qtest();

  /// Sends the lines at once and tells when all are answered, or of the first that QEMU does not obey. One
  /// call at a time; the next may be made from within `told`.
  void Send(const std::vector<std::string>& lines, std::function<void(Result<Answers>)> told);

 private:
  Qtest() = default;
  void Receive(std::string_view bytes);
  void Line(std::string_view line);
  void Tell(Result<Answers> result);

  std::unique_ptr<sys::Stream> stream_;
  LineBuffer incoming_{size_t{1} << 20};  // The longest is a piece of memory in base64.
  std::vector<std::string> lines_;        // Being answered; empty when idle.
  Answers answers_;
  std::function<void(Result<Answers>)> told_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace kiln::vm
