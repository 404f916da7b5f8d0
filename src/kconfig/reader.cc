#include <algorithm>
#include <optional>

#include "base/strings.h"
#include "kconfig/expressions.h"
#include "kconfig/lexer.h"
#include "kconfig/macro.h"
#include "kconfig/model.h"
#include "sys/files.h"

namespace kiln::kconfig {
namespace {

using Op = Expr::Op;
using TokenKind = Token::Kind;

constexpr size_t kMaxFileBytes = size_t{4} << 20;
constexpr size_t kMaxTotalBytes = size_t{128} << 20;
constexpr size_t kMaxFiles = 20'000;
constexpr size_t kMaxNesting = 64;  // Of files that source one another.
constexpr size_t kMaxBlocks = 64;   // Of menus, ifs and choices in one another.
constexpr size_t kMaxProblems = 100;

std::optional<Type> TypeOf(std::string_view word) {
  if (word == "bool" || word == "boolean" || word == "def_bool") return Type::kBool;
  if (word == "tristate" || word == "def_tristate") return Type::kTristate;
  if (word == "int") return Type::kInt;
  if (word == "hex") return Type::kHex;
  if (word == "string") return Type::kString;
  return std::nullopt;
}

class Reader {
 public:
  Reader(const Files& files, const ReadOptions& options)
      : files_(files), options_(options), macros_(Environment(options)) {
    model_.exprs.reserve(200'000);
    model_.entries.reserve(30'000);
    model_.symbols.reserve(40'000);
    model_.by_name.reserve(40'000);
    model_.entries.push_back({.kind = Entry::Kind::kRoot});
    model_.files.emplace_back(options.top);
  }

  Result<Model> Read() {
    KILN_TRY(ReadFile(options_.top, {}));
    Finish();
    return std::move(model_);
  }

 private:
  /// Where we are in one file.
  struct State {
    uint32_t file = 0;
    LineReader lines;
    std::vector<EntryId> blocks;  // Opened in this file; a file closes what it opens.
    EntryId outer = 0;            // The block that its `source` stands in.
    EntryId current = kNone;      // What attributes belong to.
    EntryId Block() const { return blocks.empty() ? outer : blocks.back(); }
  };

  static std::map<std::string, std::string, std::less<>> Environment(const ReadOptions& options) {
    auto variables = options.variables;
    variables.emplace("ARCH", options.arch);
    variables.emplace("SRCARCH", options.srcarch);
    variables.emplace("srctree", options.tree);
    variables.emplace("KCONFIG_CONFIG", ".config");
    return variables;
  }

  // ---- Problems ----

  void Problem(const State& state, std::string message) {
    if (model_.problems.size() < kMaxProblems)
      model_.problems.push_back(
          {.where = model_.Where(state.file, state.lines.number()), .message = std::move(message)});
  }

  void Note(const State& state, const Result<>& done) {
    if (!done) Problem(state, done.error().Text());
  }

  // ---- Attributes ----

  Result<> Prompt(Lexer& lexer, Entry& entry) {
    const Token token = lexer.Take();
    if (token.kind != TokenKind::kQuoted && token.kind != TokenKind::kWord)
      return MakeError(ErrorCode::kCorrupt, "a prompt in quotes is missing");
    entry.has_prompt = true;
    entry.prompt = expressions_.TextOf(token);
    entry.prompt_condition = KILN_TRY(expressions_.Condition(lexer));
    return {};
  }

  Result<> Default(Lexer& lexer, Entry& entry, unsigned line) {
    const ExprId value = KILN_TRY(expressions_.Read(lexer));
    const ExprId condition = KILN_TRY(expressions_.Condition(lexer));
    entry.defaults.push_back({.value = value, .condition = condition, .line = line});
    return {};
  }

  Result<> Select(Lexer& lexer, Entry& entry, unsigned line, bool imply) {
    const auto target = expressions_.SymbolOf(lexer.Take());
    if (!target)
      return MakeError(ErrorCode::kCorrupt, "the symbol that '{}' names is missing",
                       imply ? "imply" : "select");
    const ExprId condition = KILN_TRY(expressions_.Condition(lexer));
    entry.selects.push_back({.target = *target, .condition = condition, .imply = imply, .line = line});
    return {};
  }

  Result<> Range(Lexer& lexer, Entry& entry) {
    const ExprId low = KILN_TRY(expressions_.Operand(lexer));
    const ExprId high = KILN_TRY(expressions_.Operand(lexer));
    const ExprId condition = KILN_TRY(expressions_.Condition(lexer));
    entry.ranges.push_back({.low = low, .high = high, .condition = condition});
    return {};
  }

  Result<> Depends(Lexer& lexer, Entry& entry, unsigned line) {
    if (lexer.peek().text == "on") lexer.Take();
    ExprId whole = KILN_TRY(expressions_.Read(lexer));
    // Newer trees: `depends on A if B`.
    const ExprId condition = KILN_TRY(expressions_.Condition(lexer));
    if (condition != kNone) whole = expressions_.Add(Op::kOr, expressions_.Add(Op::kNot, condition), whole);
    entry.depends = expressions_.And(entry.depends, whole);
    if (entry.depends_line == 0) entry.depends_line = line;
    return {};
  }

  Result<> Visible(Lexer& lexer, Entry& entry) {
    if (lexer.peek().text == "if") lexer.Take();
    entry.visible = expressions_.And(entry.visible, KILN_TRY(expressions_.Read(lexer)));
    return {};
  }

  void Help(State& state, Entry& entry) {
    const char* begin = nullptr;
    const char* end = nullptr;
    size_t indent = 0;
    std::string_view line;
    std::string_view before = state.lines.rest();
    unsigned number = state.lines.number();
    while (state.lines.NextRaw(line)) {
      size_t columns = 0;
      size_t i = 0;
      for (; i < line.size() && (line[i] == ' ' || line[i] == '\t'); ++i)
        columns = line[i] == '\t' ? (columns & ~size_t{7}) + 8 : columns + 1;
      const bool blank = Trim(line).empty();
      if (!blank) {
        if (begin == nullptr) {
          indent = columns;
          begin = line.data();
        }
        if (columns < indent || columns == 0) {
          if (begin == line.data()) begin = nullptr;
          state.lines.GoBack(before, number);
          break;
        }
        end = line.data() + line.size();
      }
      before = state.lines.rest();
      number = state.lines.number();
    }
    if (begin != nullptr && end != nullptr)
      entry.help = std::string_view(begin, static_cast<size_t>(end - begin));
  }

  void Option(Lexer& lexer, Entry& entry, unsigned line) {
    // `option env="X"`, `option modules`, …: of trees before 5.x.
    const Token token = lexer.Take();
    if (token.text == "modules" && entry.symbol != kNone) model_.modules = entry.symbol;
    if (token.text == "env" && lexer.peek().text == "=") {
      lexer.Take();
      const std::string macro = fmt::format("$({})", lexer.Take().text);
      const auto value = macros_.Expand(macro);
      entry.defaults.push_back(
          {.value = value ? expressions_.AddText(Op::kText, *value) : expressions_.AddText(Op::kMacro, macro),
           .line = line});
    }
  }

  /// Reads an attribute; false when the word is none.
  bool IsAttribute(State& state, std::string_view word, Lexer& lexer) {
    static constexpr std::string_view kKnown[] = {
        "bool",     "boolean", "tristate", "int",     "hex",    "string",      "def_bool", "def_tristate",
        "prompt",   "default", "depends",  "select",  "imply",  "range",       "help",     "---help---",
        "optional", "visible", "option",   "modules", "enable", "transitional"};
    if (std::ranges::find(kKnown, word) == std::end(kKnown)) return false;
    if (state.current == kNone) {
      Problem(state, fmt::format("'{}' stands below nothing that it could belong to", word));
      if (word == "help" || word == "---help---") {
        Entry nobody;
        Help(state, nobody);
      }
      return true;
    }
    Note(state, Attribute(state, word, lexer, model_.entries[state.current]));
    return true;
  }

  Result<> Attribute(State& state, std::string_view word, Lexer& lexer, Entry& entry) {
    const unsigned line = state.lines.number();
    if (const auto type = TypeOf(word)) {
      if (entry.type == Type::kUnknown) entry.type = *type;
      if (word.starts_with("def_")) return Default(lexer, entry, line);
      if (lexer.peek().kind != TokenKind::kEnd) return Prompt(lexer, entry);
    } else if (word == "prompt") {
      return Prompt(lexer, entry);
    } else if (word == "default") {
      return Default(lexer, entry, line);
    } else if (word == "depends") {
      return Depends(lexer, entry, line);
    } else if (word == "select" || word == "enable" || word == "imply") {
      return Select(lexer, entry, line, word == "imply");
    } else if (word == "range") {
      return Range(lexer, entry);
    } else if (word == "visible") {
      return Visible(lexer, entry);
    } else if (word == "optional") {
      entry.optional = true;
    } else if (word == "option") {
      Option(lexer, entry, line);
    } else if (word == "modules") {
      if (entry.symbol != kNone) model_.modules = entry.symbol;
    } else if (word != "transitional") {
      Help(state, entry);
    }
    return {};
  }

  // ---- Blocks ----

  EntryId Push(State& state, Entry::Kind kind) {
    Entry entry;
    entry.kind = kind;
    entry.parent = state.Block();
    entry.place = {.file = state.file, .line = state.lines.number()};
    model_.entries.push_back(std::move(entry));
    state.current = static_cast<EntryId>(model_.entries.size() - 1);
    return state.current;
  }

  void Open(State& state, EntryId id) {
    if (block_depth_ + state.blocks.size() >= kMaxBlocks) {
      too_deep_ = true;
      return;
    }
    state.blocks.push_back(id);
  }

  void Close(State& state, Entry::Kind kind, std::string_view word) {
    state.current = kNone;
    if (state.blocks.empty() || model_.entries[state.blocks.back()].kind != kind) {
      Problem(state, fmt::format("'{}' closes nothing that this file opened", word));
      // A block of that kind further out is what was meant.
      const auto match = std::find_if(state.blocks.rbegin(), state.blocks.rend(),
                                      [&](EntryId id) { return model_.entries[id].kind == kind; });
      if (match == state.blocks.rend()) return;
      state.blocks.erase(match.base() - 1, state.blocks.end());
      return;
    }
    state.blocks.pop_back();
  }

  Result<> Config(State& state, Lexer& lexer) {
    const auto symbol = expressions_.SymbolOf(lexer.Take());
    const EntryId id = Push(state, Entry::Kind::kConfig);
    if (!symbol) {
      model_.entries[id].kind = Entry::Kind::kComment;
      return MakeError(ErrorCode::kCorrupt, "a symbol's name is missing");
    }
    model_.entries[id].symbol = *symbol;
    model_.symbols[*symbol].entries.push_back(id);
    return ExpressionReader::End(lexer);
  }

  Result<> If(State& state, Lexer& lexer) {
    const EntryId id = Push(state, Entry::Kind::kIf);
    model_.entries[id].depends_line = state.lines.number();
    Open(state, id);
    state.current = kNone;
    model_.entries[id].depends = KILN_TRY(expressions_.Read(lexer));
    return ExpressionReader::End(lexer);
  }

  Result<> Source(State& state, Lexer& lexer, std::string_view word) {
    const bool relative = word == "rsource" || word == "orsource";
    const bool optional = word == "osource" || word == "orsource";
    const Token token = lexer.Take();
    state.current = kNone;
    if (token.kind != TokenKind::kQuoted && token.kind != TokenKind::kWord) {
      // Before 4.x a path stood there without quotes.
      Problem(state, "the file to read is missing");
      return {};
    }
    const bool bare = token.kind == TokenKind::kWord && lexer.peek().kind != TokenKind::kEnd;
    std::string text(bare ? Trim(std::string_view(token.text.data(), token.text.size() + lexer.rest().size()))
                          : token.text);
    if (text.starts_with("\"")) text = text.substr(1);
    const auto path = macros_.Expand(text);
    if (!path) {
      Problem(state, fmt::format("{} cannot be known without running a program", Printable(text)));
      return {};
    }
    if (path->starts_with('/') || ("/" + *path + "/").find("/../") != std::string::npos) {
      Problem(state, fmt::format("'{}' leads out of the tree", Printable(*path)));
      return {};
    }
    std::string whole = *path;
    if (relative) whole = sys::JoinPath(sys::DirName(model_.files[state.file]), *path);
    std::vector<std::string> paths = {whole};
    if (IsPattern(whole)) {
      paths.clear();
      for (const std::string& found : Glob(files_, options_.tree + "/" + whole))
        paths.push_back(found.substr(options_.tree.size() + 1));
    } else if (optional && !files_.IsFile(options_.tree + "/" + whole)) {
      return {};
    }
    for (const std::string& one : paths) KILN_TRY(ReadFile(one, &state));
    return {};
  }

  /// False when the word begins no statement.
  Result<bool> Statement(State& state, std::string_view word, Lexer& lexer) {
    if (word == "config" || word == "menuconfig") {
      Note(state, Config(state, lexer));
      model_.entries[state.current].is_menu = word == "menuconfig";
    } else if (word == "menu" || word == "mainmenu") {
      const EntryId id = Push(state, Entry::Kind::kMenu);
      if (word == "mainmenu") {
        model_.entries[id].kind = Entry::Kind::kComment;
        state.current = kNone;
        return true;
      }
      Note(state, Prompt(lexer, model_.entries[id]));
      Open(state, id);
    } else if (word == "if") {
      Note(state, If(state, lexer));
    } else if (word == "choice") {
      Open(state, Push(state, Entry::Kind::kChoice));
    } else if (word == "comment") {
      Note(state, Prompt(lexer, model_.entries[Push(state, Entry::Kind::kComment)]));
    } else if (word == "endmenu") {
      Close(state, Entry::Kind::kMenu, word);
    } else if (word == "endif") {
      Close(state, Entry::Kind::kIf, word);
    } else if (word == "endchoice") {
      Close(state, Entry::Kind::kChoice, word);
    } else if (word == "source" || word == "rsource" || word == "osource" || word == "orsource") {
      KILN_TRY(Source(state, lexer, word));
    } else {
      return false;
    }
    return true;
  }

  /// `NAME = TEXT` and the like; false when the line is none.
  bool Variable(State& state, std::string_view line) {
    line = Trim(line);
    size_t end = 0;
    while (end < line.size() && IsSymbolName(line.substr(end, 1))) ++end;
    const std::string_view name = line.substr(0, end);
    std::string_view rest = Trim(line.substr(end));
    if (name.empty()) return false;
    auto flavour = Macros::Flavour::kRecursive;
    if (ConsumePrefix(rest, ":="))
      flavour = Macros::Flavour::kSimple;
    else if (ConsumePrefix(rest, "+="))
      flavour = Macros::Flavour::kAppend;
    else if (!ConsumePrefix(rest, "="))
      return false;
    state.current = kNone;
    macros_.Assign(name, flavour, Trim(rest));
    return true;
  }

  Result<> Line(State& state, std::string_view line) {
    Lexer lexer(line);
    if (lexer.peek().kind == TokenKind::kEnd) return {};
    if (Variable(state, line)) return {};
    const Token token = lexer.Take();
    if (token.kind == TokenKind::kWord && token.has_macro && lexer.peek().kind == TokenKind::kEnd) return {};
    if (token.kind == TokenKind::kWord) {
      if (IsAttribute(state, token.text, lexer)) return {};
      const bool known = KILN_TRY(Statement(state, token.text, lexer));
      if (known) return {};
    }
    // "---help---" begins with a sign that is no word of ours in any other place.
    Problem(state, fmt::format("'{}' is not understood", Printable(Trim(line).substr(0, 60))));
    return {};
  }

  Result<> ReadFile(const std::string& path, State* outer) {
    if (std::ranges::find(open_, path) != open_.end() || open_.size() >= kMaxNesting) {
      if (outer != nullptr) Problem(*outer, fmt::format("{} is being read already", Printable(path)));
      return {};
    }
    if (read_files_ >= kMaxFiles || bytes_ > kMaxTotalBytes || expressions_.too_much())
      return MakeError(ErrorCode::kCorrupt, "{}: more Kconfig files than a kernel has", Printable(path))
          .Hint("is this the top of a kernel tree?");
    auto text = files_.Read(options_.tree + "/" + path, kMaxFileBytes);
    if (!text) {
      if (outer == nullptr) return std::move(text).error().Context("reading the tree's Kconfig files");
      Problem(*outer, text.error().Text());
      return {};
    }
    ++read_files_;
    bytes_ += text->size();
    if (outer != nullptr) model_.files.push_back(path);
    model_.sources.push_back(std::make_unique<const std::string>(*std::move(text)));
    const std::string& source = *model_.sources.back();
    open_.push_back(path);
    State state{.file = static_cast<uint32_t>(model_.files.size() - 1),
                .lines = LineReader(source),
                .outer = outer == nullptr ? 0 : outer->Block()};
    const size_t outer_blocks = outer == nullptr ? 0 : outer->blocks.size();
    block_depth_ += outer_blocks;
    std::string_view line;
    while (state.lines.Next(line)) {
      expressions_.SetSource(source);  // A `source` in the line before has read another one.
      KILN_TRY(Line(state, line));
      if (expressions_.too_much() || too_deep_)
        return MakeError(ErrorCode::kCorrupt, "{}: {}", model_.Where(state.file, state.lines.number()),
                         too_deep_ ? "menus are nested too deeply" : "more expressions than a kernel has");
    }
    if (!state.blocks.empty())
      Problem(state, fmt::format("what {} opens is not closed",
                                 model_.Where(model_.entries[state.blocks.back()].place)));
    block_depth_ -= outer_blocks;
    open_.pop_back();
    return {};
  }

  // Types of symbols from all their definitions; who selects whom.
  void Finish() {
    for (EntryId id = 0; id < model_.entries.size(); ++id) {
      const Entry& entry = model_.entries[id];
      if (entry.kind != Entry::Kind::kConfig) continue;
      Symbol& symbol = model_.symbols[entry.symbol];
      if (symbol.type == Type::kUnknown) symbol.type = entry.type;
      for (uint32_t i = 0; i < entry.selects.size(); ++i)
        model_.symbols[entry.selects[i].target].selected_by.emplace_back(id, i);
    }
    if (model_.modules == kNone) model_.modules = model_.Find("MODULES");
  }

  const Files& files_;
  const ReadOptions& options_;
  Macros macros_;
  Model model_;
  ExpressionReader expressions_{model_, macros_};
  std::vector<std::string> open_;
  size_t block_depth_ = 0;
  size_t read_files_ = 0;
  size_t bytes_ = 0;
  bool too_deep_ = false;
};

}  // namespace

Result<Model> ReadModel(const Files& files, const ReadOptions& options) {
  return Reader(files, options).Read();
}

}  // namespace kiln::kconfig
