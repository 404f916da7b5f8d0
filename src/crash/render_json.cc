#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "crash/render.h"

namespace kiln::crash {
namespace {

using Json = nlohmann::ordered_json;

Json Text(const std::string& text) { return text.empty() ? Json(nullptr) : Json(ToValidUtf8(text)); }

Json FrameJson(const Frame& frame) {
  Json out = {{"function", ToValidUtf8(frame.function)}, {"offset", frame.offset}, {"size", frame.size}};
  if (!frame.module.empty()) out["module"] = ToValidUtf8(frame.module);
  if (!frame.file.empty()) out["file"] = ToValidUtf8(frame.file);
  if (frame.is_inline) out["inline"] = true;
  if (frame.unreliable) out["unreliable"] = true;
  if (frame.is_pc) out["pc"] = true;
  return out;
}

Json InstructionJson(const Instruction& one) {
  Json out = {{"address", one.address}, {"bytes", one.bytes}, {"text", ToValidUtf8(one.text)}};
  if (!one.target.empty()) out["target"] = ToValidUtf8(one.target);
  if (!one.source.empty()) out["source"] = ToValidUtf8(one.source);
  if (one.is_here) out["here"] = true;
  return out;
}

Json Texts(const std::vector<std::string>& texts) {
  Json out = Json::array();
  for (const auto& text : texts) out.push_back(ToValidUtf8(text));
  return out;
}

Json CommitJson(const Commit& commit) {
  return {{"id", commit.id},
          {"subject", ToValidUtf8(commit.subject)},
          {"author", ToValidUtf8(commit.author)},
          {"date", commit.date},
          {"why", ToValidUtf8(commit.why)}};
}

Json BlameJson(const Blame& blame) {
  Json suspects = Json::array();
  for (const auto& commit : blame.suspects) suspects.push_back(CommitJson(commit));
  Json fixes = Json::array();
  for (const auto& commit : blame.fixes) fixes.push_back(CommitJson(commit));
  return {{"line", Text(blame.line)},
          {"last_change", blame.last_change ? CommitJson(*blame.last_change) : Json(nullptr)},
          {"maintainers", Texts(blame.maintainers)},
          {"suspects", std::move(suspects)},
          {"fixes", std::move(fixes)},
          {"notes", Texts(blame.notes)}};
}

}  // namespace

std::string detail::ReportJson(const Report& report, std::string_view log) {
  Json out;
  out["title"] = ToValidUtf8(report.title);
  out["alt_titles"] = Json::array();
  for (const auto& title : report.alt_titles) out["alt_titles"].push_back(ToValidUtf8(title));
  out["type"] = ToValidUtf8(report.type);
  out["frame"] = Text(report.frame);
  out["corrupted"] = report.corrupted;
  out["corrupted_reason"] = Text(report.corrupted_reason);
  out["suppressed"] = report.suppressed;
  out["panicked"] = report.panicked;
  out["executor"] = Text(report.executor);
  out["fingerprint"] = report.fingerprint;
  out["guilty_file"] = Text(report.guilty_file);
  out["process"] = Text(report.process);
  out["pid"] = report.pid ? Json(*report.pid) : Json(nullptr);
  out["cpu"] = report.cpu ? Json(*report.cpu) : Json(nullptr);
  out["kernel"] = Text(report.kernel);
  out["taint"] = Text(report.taint);
  out["hardware"] = Text(report.hardware);
  out["registers"] = Json::object();
  for (const auto& reg : report.registers) out["registers"][ToValidUtf8(reg.name)] = ToValidUtf8(reg.value);
  out["code"] = Text(report.code);
  out["stacks"] = Json::array();
  for (const auto& stack : report.stacks) {
    Json frames = Json::array();
    for (const auto& frame : stack.frames) frames.push_back(FrameJson(frame));
    out["stacks"].push_back({{"heading", ToValidUtf8(stack.heading)}, {"frames", std::move(frames)}});
  }
  out["instructions"] = Json::array();
  for (const auto& one : report.instructions) out["instructions"].push_back(InstructionJson(one));
  out["symbol_files"] = Texts(report.symbol_files);
  out["notes"] = Texts(report.notes);
  out["blame"] = report.blame ? BlameJson(*report.blame) : Json(nullptr);
  out["line"] = report.first_line + 1;
  out["offset"] = report.begin;
  out["time_s"] =
      report.time_us == console::kNoTime ? Json(nullptr) : Json(static_cast<double>(report.time_us) / 1e6);
  out["report"] = ToValidUtf8(report.text);
  if (!log.empty()) out["log"] = ToValidUtf8(log);
  return out.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace kiln::crash
