#pragma once

#include <memory>
#include <optional>

#include "base/result.h"
#include "blame/tree.h"
#include "cli/context.h"
#include "console/record.h"
#include "crash/report.h"
#include "store/cache.h"
#include "symbolize/decoder.h"
#include "symbolize/log_facts.h"
#include "symbolize/objects.h"
#include "symbolize/symbolizer.h"
#include "sys/process.h"

namespace kiln::cli {

/// Symbols for the reports of `kiln crash`, and who is to blame, as its options say.
class CrashSymbols {
 public:
  /// Errors: a file or folder that was named cannot be used.
  static Result<std::unique_ptr<CrashSymbols>> Create(const Context& context, const Parsed& parsed);

  /// Every line of the log, before the reports that it makes.
  void Read(std::string_view line) { facts_.Read(line); }
  void Symbolize(crash::Report& report) {
    symbolizer_.Symbolize(report, facts_);
    if (tree_) tree_->Blame(report);
  }

 private:
  CrashSymbols(const Context& context, symbolize::SymbolizeOptions options);

  sys::SystemSpawner spawner_;
  symbolize::ChildDecoder decoder_;
  store::Cache cache_;
  symbolize::ObjectStore objects_;
  symbolize::Symbolizer symbolizer_;
  symbolize::LogFacts facts_;
  std::optional<blame::Tree> tree_;
};

/// Hands records to a sink, and their text to the symbols, where there are any.
class RecordTee final : public console::RecordSink {
 public:
  RecordTee(console::RecordSink& sink, CrashSymbols* symbols) : sink_(sink), symbols_(symbols) {}
  void OnRecord(const console::Record& record) override {
    if (symbols_ != nullptr && record.milestone == console::Milestone::kBanner) symbols_->Read(record.text);
    sink_.OnRecord(record);
  }

 private:
  console::RecordSink& sink_;
  CrashSymbols* symbols_;
};

}  // namespace kiln::cli
