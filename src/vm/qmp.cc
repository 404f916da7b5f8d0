#include "vm/qmp.h"

#include <nlohmann/json.hpp>

namespace kiln::vm {

Result<std::unique_ptr<Qmp>> Qmp::Create(sys::Loop& loop, sys::Fd fd, Event event,
                                         std::function<void()> closed) {
  std::unique_ptr<Qmp> qmp(new Qmp);
  Qmp* self = qmp.get();
  qmp->event_ = std::move(event);
  qmp->closed_ = std::move(closed);
  qmp->stream_ =
      KILN_TRY(sys::Stream::Create(loop, std::move(fd),
                                   {.bytes = [self](std::string_view bytes) { self->Receive(bytes); },
                                    .closed = [self](std::string_view) { self->FailAll("it hung up"); }}));
  // The greeting need not be waited for: QEMU reads commands in order, and this one first.
  qmp->Execute("qmp_capabilities");
  return qmp;
}

Qmp::~Qmp() { *alive_ = false; }

std::string Qmp::Enqueue(std::string_view command, const nlohmann::json& arguments, Reply reply) {
  const int64_t id = next_id_++;
  nlohmann::json message = {{"execute", command}, {"id", id}};
  if (!arguments.empty()) message["arguments"] = arguments;
  waiting_.emplace(id, Waiting{std::string(command), std::move(reply)});
  return message.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) + "\n";
}

void Qmp::Execute(std::string_view command, const nlohmann::json& arguments, Reply reply) {
  if (!stream_->is_open()) {
    if (reply) reply(MakeError(ErrorCode::kUnavailable, "QEMU command {}: QEMU is gone", command));
    return;
  }
  stream_->Write(Enqueue(command, arguments, std::move(reply)));
}

void Qmp::ExecuteWithDescriptor(std::string_view command, const nlohmann::json& arguments, int descriptor,
                                Reply reply) {
  const int64_t id = next_id_;
  const auto sent = stream_->WriteWithDescriptor(Enqueue(command, arguments, std::move(reply)), descriptor);
  if (sent) return;
  const auto node = waiting_.extract(id);
  if (node.mapped().reply)
    node.mapped().reply(Error(sent.error()).Context(fmt::format("QEMU command {}", command)));
}

void Qmp::Execute(std::string_view command) { Execute(command, nlohmann::json::object(), {}); }

void Qmp::Receive(std::string_view bytes) {
  const auto alive = alive_;
  const bool fits = incoming_.Add(bytes, [&](std::string_view line) {
    Line(line);
    return *alive;
  });
  if (fits || !*alive) return;
  stream_->Close();
  FailAll("it sent an endless line");
}

void Qmp::Line(std::string_view line) {
  const auto message = nlohmann::json::parse(line, nullptr, false);
  if (!message.is_object()) return;  // A stray word; the answer that somebody waits for still comes.
  if (const auto name = message.find("event"); name != message.end() && name->is_string()) {
    const auto data = message.find("data");
    if (event_) event_(name->get<std::string>(), data == message.end() ? nlohmann::json::object() : *data);
    return;
  }
  const auto id = message.find("id");
  if (id == message.end() || !id->is_number_integer()) return;
  auto node = waiting_.extract(id->get<int64_t>());
  if (node.empty()) return;
  const Waiting waiting = std::move(node.mapped());
  if (!waiting.reply) return;
  if (const auto value = message.find("return"); value != message.end()) return waiting.reply(*value);
  std::string words = "no reason given";
  if (const auto error = message.find("error"); error != message.end() && error->is_object()) {
    const auto description = error->find("desc");
    if (description != error->end() && description->is_string()) words = description->get<std::string>();
  }
  waiting.reply(MakeError(ErrorCode::kUnsupported, "QEMU command {}: {}", waiting.command, words));
}

void Qmp::FailAll(std::string_view reason) {
  const auto alive = alive_;
  auto waiting = std::exchange(waiting_, {});
  for (auto& [id, entry] : waiting) {
    if (entry.reply)
      entry.reply(MakeError(ErrorCode::kUnavailable, "QEMU command {}: {}", entry.command, reason));
    if (!*alive) return;
  }
  if (closed_) closed_();
}

}  // namespace kiln::vm
