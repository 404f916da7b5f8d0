#include "vm/qtest.h"

#include "base/check.h"
#include "base/strings.h"

namespace kiln::vm {

Result<std::unique_ptr<Qtest>> Qtest::Create(sys::Loop& loop, sys::Fd fd) {
  std::unique_ptr<Qtest> qtest(new Qtest);
  Qtest* self = qtest.get();
  qtest->stream_ = KILN_TRY(sys::Stream::Create(
      loop, std::move(fd),
      {.bytes = [self](std::string_view bytes) { self->Receive(bytes); },
       .closed =
           [self](std::string_view) {
             self->Tell(MakeError(ErrorCode::kUnavailable, "QEMU's test protocol: QEMU hung up"));
           }}));
  return qtest;
}

Qtest::~Qtest() { *alive_ = false; }

void Qtest::Send(const std::vector<std::string>& lines, std::function<void(Result<Answers>)> told) {
  KILN_CHECK(!told_ && !lines.empty());
  told_ = std::move(told);
  lines_ = lines;
  answers_.clear();
  if (!stream_->is_open())
    return Tell(MakeError(ErrorCode::kUnavailable, "QEMU's test protocol: QEMU is gone"));
  std::string text;
  for (const std::string& line : lines_) text += line + "\n";
  stream_->Write(text);
}

void Qtest::Receive(std::string_view bytes) {
  const auto alive = alive_;
  const bool fits = incoming_.Add(bytes, [&](std::string_view line) {
    Line(line);
    return *alive;
  });
  if (fits || !*alive) return;
  stream_->Close();
  Tell(MakeError(ErrorCode::kCorrupt, "QEMU's test protocol: an endless line"));
}

void Qtest::Line(std::string_view line) {
  // Interrupts are told of in between ("IRQ raise 3").
  if (!told_ || line.starts_with("IRQ ")) return;
  if (line != "OK" && !ConsumePrefix(line, "OK ")) {
    return Tell(MakeError(ErrorCode::kUnsupported, "QEMU's test protocol: \"{}\" was answered with \"{}\"",
                          lines_[answers_.size()].substr(0, 80), Printable(line.substr(0, 200))));
  }
  answers_.emplace_back(line == "OK" ? "" : line);
  if (answers_.size() == lines_.size()) Tell(std::move(answers_));
}

void Qtest::Tell(Result<Answers> result) {
  lines_.clear();
  if (const auto told = std::exchange(told_, {})) told(std::move(result));
}

}  // namespace kiln::vm
