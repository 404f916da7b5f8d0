#include <algorithm>
#include <optional>

#include "base/strings.h"
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
constexpr int kMaxExprDepth = 64;   // Of parentheses and "!".
constexpr size_t kMaxExprs = 4'000'000;
constexpr size_t kMaxProblems = 100;

bool IsSymbolName(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

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

  // ---- Names and texts ----

  SymbolId SymbolOf(std::string_view name) {
    const auto [found, is_new] =
        model_.by_name.try_emplace(name, static_cast<SymbolId>(model_.symbols.size()));
    if (is_new) model_.symbols.push_back({.name = name});
    return found->second;
  }

  /// Keeps text that is not a piece of a file.
  std::string_view Keep(std::string text) {
    model_.sources.push_back(std::make_unique<const std::string>(std::move(text)));
    return *model_.sources.back();
  }

  ExprId Add(Op op, uint32_t left, uint32_t right = kNone) {
    if (model_.exprs.size() >= kMaxExprs) {
      too_much_ = true;
      return 0;
    }
    model_.exprs.push_back({.op = op, .left = left, .right = right});
    return static_cast<ExprId>(model_.exprs.size() - 1);
  }

  ExprId AddText(Op op, std::string text) {
    model_.texts.push_back(std::move(text));
    return Add(op, static_cast<uint32_t>(model_.texts.size() - 1));
  }

  ExprId And(ExprId a, ExprId b) {
    if (a == kNone) return b;
    if (b == kNone) return a;
    return Add(Op::kAnd, a, b);
  }

  static std::string Unescape(std::string_view text) {
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '\\' && i + 1 < text.size()) ++i;
      out += text[i];
    }
    return out;
  }

  /// A quoted text with its escapes and macros done; a macro without a value stays as it is written.
  std::string_view QuotedText(const Token& token, bool may_move) {
    if (!token.has_escape && !token.has_macro) return may_move ? token.text : Keep(std::string(token.text));
    std::string text(token.text);
    if (token.has_macro)
      if (auto expanded = macros_.Expand(text)) text = *std::move(expanded);
    return Keep(token.has_escape ? Unescape(text) : text);
  }

  // ---- Expressions ----

  std::optional<ExprId> Operand(State& state, Lexer& lexer) {
    const Token token = lexer.peek();
    if (token.kind != TokenKind::kWord && token.kind != TokenKind::kQuoted) {
      Problem(state, token.kind == TokenKind::kEnd
                         ? std::string("the expression ends too early")
                         : fmt::format("'{}' does not begin an expression", Printable(token.text)));
      return std::nullopt;
    }
    lexer.Take();
    if (token.has_macro) {
      const auto value = macros_.Expand(token.text);
      if (!value) {
        const bool quoted = token.kind == TokenKind::kQuoted;
        return AddText(Op::kMacro, quoted ? fmt::format("\"{}\"", token.text) : std::string(token.text));
      }
      if (token.kind == TokenKind::kQuoted || !IsSymbolName(*value)) return AddText(Op::kText, *value);
      return Word(Keep(*value));
    }
    if (token.kind == TokenKind::kQuoted)
      return AddText(Op::kText, token.has_escape ? Unescape(token.text) : std::string(token.text));
    return Word(Stable(token.text));
  }

  ExprId Word(std::string_view name) {
    if (name == "y" || name == "n" || name == "m") {
      ExprId& id = constants_[name == "y" ? 2 : name == "m" ? 1 : 0];
      if (id == kNone) id = AddText(Op::kText, std::string(name));
      return id;
    }
    const SymbolId symbol = SymbolOf(name);
    return Add(Op::kSymbol, symbol);
  }

  /// Names point into the files' texts; one from a joined line must be kept.
  std::string_view Stable(std::string_view text) {
    if (const auto found = model_.by_name.find(text); found != model_.by_name.end()) return found->first;
    const std::string& source = *model_.sources[source_of_file_.back()];
    if (text.data() >= source.data() && text.data() + text.size() <= source.data() + source.size())
      return text;
    return Keep(std::string(text));
  }

  std::optional<ExprId> Comparison(State& state, Lexer& lexer, int depth) {
    const Token token = lexer.peek();
    if (token.kind == TokenKind::kSign && (token.text == "!" || token.text == "(")) {
      if (depth >= kMaxExprDepth) {
        Problem(state, "the expression is nested too deeply");
        return std::nullopt;
      }
      lexer.Take();
      if (token.text == "!") {
        const auto inner = Comparison(state, lexer, depth + 1);
        if (!inner) return std::nullopt;
        return Add(Op::kNot, *inner);
      }
      const auto inner = Or(state, lexer, depth + 1);
      if (!inner) return std::nullopt;
      if (lexer.peek().text != ")" || lexer.peek().kind != TokenKind::kSign) {
        Problem(state, "')' is missing");
        return std::nullopt;
      }
      lexer.Take();
      return inner;
    }
    const auto left = Operand(state, lexer);
    if (!left || lexer.peek().kind != TokenKind::kSign) return left;
    static constexpr std::pair<std::string_view, Op> kSigns[] = {
        {"=", Op::kEqual},      {"!=", Op::kUnequal}, {"<", Op::kLess},
        {"<=", Op::kLessEqual}, {">", Op::kGreater},  {">=", Op::kGreaterEqual}};
    const auto* const sign =
        std::ranges::find_if(kSigns, [&](const auto& pair) { return pair.first == lexer.peek().text; });
    if (sign == std::end(kSigns)) return left;
    lexer.Take();
    const auto right = Operand(state, lexer);
    if (!right) return std::nullopt;
    return Add(sign->second, *left, *right);
  }

  std::optional<ExprId> Chain(State& state, Lexer& lexer, int depth, Op op) {
    const std::string_view sign = op == Op::kAnd ? "&&" : "||";
    const auto part = [&] {
      return op == Op::kAnd ? Comparison(state, lexer, depth) : Chain(state, lexer, depth, Op::kAnd);
    };
    auto left = part();
    while (left && lexer.peek().kind == TokenKind::kSign && lexer.peek().text == sign) {
      lexer.Take();
      const auto right = part();
      if (!right) return std::nullopt;
      // Balanced would be shallower, but only a hostile file has chains that matter; those are cut.
      if (++chain_ > kMaxChain) {
        Problem(state, "the expression is too long");
        return std::nullopt;
      }
      left = Add(op, *left, *right);
    }
    return left;
  }

  std::optional<ExprId> Or(State& state, Lexer& lexer, int depth) {
    return Chain(state, lexer, depth, Op::kOr);
  }

  std::optional<ExprId> Expression(State& state, Lexer& lexer) {
    chain_ = 0;
    return Or(state, lexer, 0);
  }

  /// `if EXPR` at the end of an attribute; kNone when there is none, nothing when it is broken.
  std::optional<ExprId> Condition(State& state, Lexer& lexer) {
    if (lexer.peek().kind == TokenKind::kEnd) return kNone;
    if (lexer.peek().kind != TokenKind::kWord || lexer.peek().text != "if") {
      Problem(state, fmt::format("'{}' is not expected here", Printable(lexer.rest().substr(0, 60))));
      return std::nullopt;
    }
    lexer.Take();
    const auto condition = Expression(state, lexer);
    if (condition) End(state, lexer);
    return condition;
  }

  void End(State& state, Lexer& lexer) {
    if (lexer.peek().kind != TokenKind::kEnd)
      Problem(state, fmt::format("'{}' is not expected here", Printable(lexer.rest().substr(0, 60))));
  }

  // ---- Attributes ----

  void Prompt(State& state, Lexer& lexer, Entry& entry) {
    const Token token = lexer.Take();
    if (token.kind != TokenKind::kQuoted && token.kind != TokenKind::kWord) {
      Problem(state, "a prompt in quotes is missing");
      return;
    }
    const std::string_view text = token.kind == TokenKind::kQuoted && !IsJoined(token.text)
                                      ? QuotedText(token, true)
                                      : QuotedText(token, false);
    const auto condition = Condition(state, lexer);
    entry.has_prompt = true;
    entry.prompt = text;
    if (condition) entry.prompt_condition = *condition;
  }

  bool IsJoined(std::string_view text) const {
    const std::string& source = *model_.sources[source_of_file_.back()];
    return text.data() < source.data() || text.data() > source.data() + source.size();
  }

  void DefaultAttribute(State& state, Lexer& lexer, Entry& entry) {
    const auto value = Expression(state, lexer);
    if (!value) return;
    const auto condition = Condition(state, lexer);
    if (!condition) return;
    entry.defaults.push_back({.value = *value, .condition = *condition, .line = state.lines.number()});
  }

  void SelectAttribute(State& state, Lexer& lexer, Entry& entry, bool imply) {
    const Token token = lexer.Take();
    std::optional<std::string> name;
    if (token.kind == TokenKind::kWord)
      name = token.has_macro ? macros_.Expand(token.text) : std::string(token.text);
    if (!name || !IsSymbolName(*name)) {
      Problem(state, fmt::format("the symbol that '{}' names is missing", imply ? "imply" : "select"));
      return;
    }
    const auto condition = Condition(state, lexer);
    if (!condition) return;
    const SymbolId target = SymbolOf(token.has_macro ? Keep(*name) : Stable(token.text));
    entry.selects.push_back(
        {.target = target, .condition = *condition, .imply = imply, .line = state.lines.number()});
  }

  void RangeAttribute(State& state, Lexer& lexer, Entry& entry) {
    const auto low = Operand(state, lexer);
    const auto high = low ? Operand(state, lexer) : low;
    if (!high) return;
    const auto condition = Condition(state, lexer);
    if (condition) entry.ranges.push_back({.low = *low, .high = *high, .condition = *condition});
  }

  void Depends(State& state, Lexer& lexer, Entry& entry) {
    if (lexer.peek().text == "on") lexer.Take();
    const auto expr = Expression(state, lexer);
    if (!expr) return;
    // Newer trees: `depends on A if B`.
    ExprId whole = *expr;
    if (lexer.peek().kind == TokenKind::kWord && lexer.peek().text == "if") {
      lexer.Take();
      const auto condition = Expression(state, lexer);
      if (!condition) return;
      whole = Add(Op::kOr, Add(Op::kNot, *condition), *expr);
    }
    End(state, lexer);
    entry.depends = And(entry.depends, whole);
    if (entry.depends_line == 0) entry.depends_line = state.lines.number();
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

  void Option(State& state, Lexer& lexer, Entry& entry) {
    // `option env="X"`, `option modules`, …: of trees before 5.x.
    const Token token = lexer.Take();
    if (token.text == "modules" && entry.symbol != kNone) model_.modules = entry.symbol;
    if (token.text == "env" && lexer.peek().text == "=") {
      lexer.Take();
      const Token name = lexer.Take();
      const auto value = macros_.Expand(fmt::format("$({})", name.text));
      entry.defaults.push_back(
          {.value = value ? AddText(Op::kText, *value) : AddText(Op::kMacro, fmt::format("$({})", name.text)),
           .line = state.lines.number()});
    }
  }

  /// False when the word is no attribute.
  bool Attribute(State& state, std::string_view word, Lexer& lexer) {
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
    Entry& entry = model_.entries[state.current];
    if (const auto type = TypeOf(word)) {
      if (entry.type == Type::kUnknown) entry.type = *type;
      if (word.starts_with("def_"))
        DefaultAttribute(state, lexer, entry);
      else if (lexer.peek().kind != TokenKind::kEnd)
        Prompt(state, lexer, entry);
    } else if (word == "prompt") {
      Prompt(state, lexer, entry);
    } else if (word == "default") {
      DefaultAttribute(state, lexer, entry);
    } else if (word == "depends") {
      Depends(state, lexer, entry);
    } else if (word == "select" || word == "enable" || word == "imply") {
      SelectAttribute(state, lexer, entry, word == "imply");
    } else if (word == "range") {
      RangeAttribute(state, lexer, entry);
    } else if (word == "visible") {
      if (lexer.peek().text == "if") lexer.Take();
      if (const auto expr = Expression(state, lexer)) entry.visible = And(entry.visible, *expr);
    } else if (word == "optional") {
      entry.optional = true;
    } else if (word == "option") {
      Option(state, lexer, entry);
    } else if (word == "modules") {
      if (entry.symbol != kNone) model_.modules = entry.symbol;
    } else if (word != "transitional") {
      Help(state, entry);
    }
    return true;
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

  void Config(State& state, Lexer& lexer) {
    const Token token = lexer.Take();
    std::optional<std::string> name;
    if (token.kind == TokenKind::kWord)
      name = token.has_macro ? macros_.Expand(token.text) : std::string(token.text);
    const EntryId id = Push(state, Entry::Kind::kConfig);
    if (!name || !IsSymbolName(*name)) {
      Problem(state, "a symbol's name is missing");
      model_.entries[id].kind = Entry::Kind::kComment;
      return;
    }
    const SymbolId symbol = SymbolOf(token.has_macro ? Keep(*name) : Stable(token.text));
    model_.entries[id].symbol = symbol;
    model_.symbols[symbol].entries.push_back(id);
    End(state, lexer);
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
      Config(state, lexer);
    } else if (word == "menu" || word == "mainmenu") {
      const EntryId id = Push(state, Entry::Kind::kMenu);
      if (word == "mainmenu") {
        model_.entries[id].kind = Entry::Kind::kComment;
        state.current = kNone;
        return true;
      }
      Prompt(state, lexer, model_.entries[id]);
      Open(state, id);
    } else if (word == "if") {
      const EntryId id = Push(state, Entry::Kind::kIf);
      if (const auto expr = Expression(state, lexer)) model_.entries[id].depends = *expr;
      model_.entries[id].depends_line = state.lines.number();
      End(state, lexer);
      Open(state, id);
      state.current = kNone;
    } else if (word == "choice") {
      Open(state, Push(state, Entry::Kind::kChoice));
    } else if (word == "comment") {
      Prompt(state, lexer, model_.entries[Push(state, Entry::Kind::kComment)]);
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
      if (Attribute(state, token.text, lexer)) return {};
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
    if (read_files_ >= kMaxFiles || bytes_ > kMaxTotalBytes || too_much_)
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
    source_of_file_.push_back(model_.sources.size() - 1);
    open_.push_back(path);
    State state{.file = static_cast<uint32_t>(model_.files.size() - 1),
                .lines = LineReader(*model_.sources.back()),
                .outer = outer == nullptr ? 0 : outer->Block()};
    const size_t outer_blocks = outer == nullptr ? 0 : outer->blocks.size();
    block_depth_ += outer_blocks;
    std::string_view line;
    while (state.lines.Next(line)) {
      KILN_TRY(Line(state, line));
      if (too_much_ || too_deep_)
        return MakeError(ErrorCode::kCorrupt, "{}: {}", model_.Where(state.file, state.lines.number()),
                         too_deep_ ? "menus are nested too deeply" : "more expressions than a kernel has");
    }
    if (!state.blocks.empty())
      Problem(state, fmt::format("what {} opens is not closed",
                                 model_.Where(model_.entries[state.blocks.back()].place)));
    block_depth_ -= outer_blocks;
    open_.pop_back();
    source_of_file_.pop_back();
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

  static constexpr size_t kMaxChain = 500;

  const Files& files_;
  const ReadOptions& options_;
  Macros macros_;
  Model model_;
  std::vector<std::string> open_;
  std::vector<size_t> source_of_file_;
  ExprId constants_[3] = {kNone, kNone, kNone};
  size_t block_depth_ = 0;
  size_t read_files_ = 0;
  size_t bytes_ = 0;
  size_t chain_ = 0;
  bool too_much_ = false;
  bool too_deep_ = false;
};

}  // namespace

Result<Model> ReadModel(const Files& files, const ReadOptions& options) {
  return Reader(files, options).Read();
}

}  // namespace kiln::kconfig
