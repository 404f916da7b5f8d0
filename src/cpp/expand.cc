#include <string.h>

#include "cpp/bytes.h"
#include "cpp/preprocessor.h"

namespace kiln::cpp {
namespace {

// "Avoid pasting": what stands on its sides is not one token.
Token Gap() {
  Token token{};
  token.kind = Kind::kPadding;
  return token;
}

Token PaddingOf(const Token& source) {
  Token token{};
  token.kind = Kind::kPadding;
  token.flags = static_cast<uint8_t>(kHasSource | (source.flags & kWhiteBefore));
  return token;
}

}  // namespace

void Preprocessor::Guard::See(const Token& token) {
  if (token.kind == Kind::kPadding) return;
  const bool follows_keyword = was_keyword;
  was_keyword = body_is_next = false;
  if (token.kind == Kind::kName) {
    body_is_next = token.node->statement == kIsElse;
    was_keyword = token.node->statement == kTakesParenthesis;
  } else if (token.Is('(')) {
    if (follows_keyword && open_count < sizeof opened / sizeof opened[0]) opened[open_count++] = depth;
    ++depth;
  } else if (token.Is(')')) {
    --depth;
    body_is_next = open_count > 0 && opened[open_count - 1] == depth;
    if (body_is_next) --open_count;
  }
}

void Preprocessor::Push(const Token* tokens, uint32_t count, Node* macro, uint32_t line) {
  if (macro != nullptr) macro->disabled = true;
  if (!contexts_.Add({tokens, tokens + count, macro, line})) Fail();
}

void Preprocessor::Pop() {
  if (contexts_.back().macro != nullptr) contexts_.back().macro->disabled = false;
  contexts_.RemoveLast();
}

Token* Preprocessor::Keep(const Token& token) {
  Token* at = spare_.AddRoom(1);
  if (at == nullptr) {
    Fail();
    return &next_;
  }
  *at = token;
  return at;
}

/// The next token, its macros expanded (libcpp's cpp_get_token).
void Preprocessor::Get(Token& token) {
  for (;;) {
    if (failed_) return End(token);
    if (contexts_.empty()) {
      Lex(token);
    } else {
      Context& context = contexts_.back();
      if (context.at == context.end) {
        Pop();
        if (in_directive_) continue;
        token = Gap();
        return;
      }
      token = *context.at++;
      if (context.line != 0) token.line = context.line;
      if ((token.flags & kPasteLeft) != 0) {
        const Token left = token;
        PasteAll(left);
        if (in_directive_) continue;
        token = PaddingOf(left);
        return;
      }
    }
    if (token.kind != Kind::kName || (token.flags & kNoExpand) != 0) return;
    Node* node = token.node;
    if (node->macro == nullptr && node->builtin == kNoBuiltin) return;
    if (node->disabled) {
      token.flags |= kNoExpand;
      return;
    }
    if (prevents_expansion_ > 0) return;
    const Token name = token;
    if (!Enter(node, name)) return;
    if (in_directive_) continue;
    token = PaddingOf(name);
    return;
  }
}

/// The next token that is more than padding.
void Preprocessor::GetNext(Token& token) {
  do Get(token);
  while (token.kind == Kind::kPadding);
}

/// The file's name as __FILE__ has it.
const char* Preprocessor::Quoted(const Source& source, uint32_t* size) {
  const char* path = source.path;
  size_t left = source.path_size;
  const char* before = "";
  // The last one given that fits counts.
  for (size_t i = asked_.prefix_map_count; i-- > 0;) {
    const char* map = asked_.prefix_maps[i];
    const char* equals = strchr(map, '=');
    const auto old = static_cast<size_t>(equals == nullptr ? 0 : equals - map);
    if (equals == nullptr || left < old || memcmp(path, map, old) != 0) continue;
    before = equals + 1;
    path += old;
    left -= old;
    break;
  }
  for (size_t i = 0; i < left; ++i)
    if (path[i] == '"' || path[i] == '\\' || path[i] == '\n') Fail();
  const size_t first = strlen(before);
  char* text = texts_.AddRoom(first + left + 2);
  if (text == nullptr) {
    Fail();
    return nullptr;
  }
  text[0] = '"';
  // A text that is counted.
  memcpy(text + 1, before, first);  // NOLINT(bugprone-not-null-terminated-result)
  memcpy(text + 1 + first, path, left);
  text[1 + first + left] = '"';
  *size = static_cast<uint32_t>(first + left + 2);
  return text;
}

void Preprocessor::EnterNumber(uint32_t number, uint32_t line) {
  const Decimal decimal(number);
  char* kept = texts_.AddRoom(decimal.size());
  if (kept == nullptr) return Fail();
  memcpy(kept, decimal.text(), decimal.size());
  EnterText(Kind::kNumber, kept, static_cast<uint32_t>(decimal.size()), line);
}

void Preprocessor::EnterText(Kind kind, const char* text, uint32_t size, uint32_t line) {
  Token token{};
  token.kind = kind;
  token.text = text;
  token.size = size;
  Push(Keep(token), 1, nullptr, line);
}

bool Preprocessor::EnterBuiltin(Node* node, const Token& name) {
  uint32_t size = 0;
  switch (node->builtin) {
    case kFile:
    case kBaseFile: {
      const char* text = Quoted(node->builtin == kFile ? *file().source : *open_[0].source, &size);
      EnterText(Kind::kQuoted, text, size, name.line);
      break;
    }
    case kLine:
      EnterNumber(name.line, name.line);
      break;
    case kCounter:
      EnterNumber(counter_++, name.line);
      break;
    case kIncludeLevel:
      EnterNumber(static_cast<uint32_t>(open_.size() - 1), name.line);
      break;
    case kForbidden:
    case kVaArgs:
    case kVaOpt:
      Fail();
      break;
    default:
      return false;
  }
  return !failed_;
}

// False when the name is to stay: it is of a macro with arguments, which do not follow.
bool Preprocessor::Enter(Node* node, const Token& name) {
  if (contexts_.empty() && expanding_arguments_ == 0 && in_arguments_ == 0) invocation_line_ = name.line;
  if (node->macro == nullptr) return EnterBuiltin(node, name);
  Macro* macro = node->macro;
  // Only gcc, which sees that it was a macro, can say whether to warn.
  if (macro->is_several_statements && guard_ != nullptr && guard_->body_is_next) {
    Fail();
    return false;
  }
  if (!macro->is_function) {
    Push(macro->tokens, macro->count, node, name.line);
    return true;
  }
  const int was_in = in_arguments_;
  ++prevents_expansion_;
  in_arguments_ = 1;
  const size_t base = arguments_.size();
  Argument* arguments = nullptr;
  const bool is_called = FindParenthesis();
  if (is_called) {
    in_arguments_ = 2;
    arguments = arguments_.AddRoom(macro->parameters);
    if (arguments == nullptr) Fail();
    for (uint32_t i = 0; i < macro->parameters && !failed_; ++i) arguments[i] = Argument{};
    if (failed_ || !Collect(macro, arguments)) Fail();
  }
  in_arguments_ = was_in;
  --prevents_expansion_;
  if (!is_called || failed_) return false;
  if (macro->parameters > 0)
    Replace(macro, arguments, name.line);
  else
    Push(macro->tokens, macro->count, nullptr, name.line);
  arguments_.Shrink(base);
  if (failed_) return false;
  contexts_.back().macro = node;
  node->disabled = true;
  return true;
}

// What is no "(" is there to be read again.
bool Preprocessor::FindParenthesis() {
  Token token;
  Token padding{};
  bool has_padding = false;
  for (;;) {
    Get(token);
    if (failed_) return false;
    if (token.kind != Kind::kPadding) break;
    const bool has_source = (token.flags & kHasSource) != 0;
    if (!has_padding || ((padding.flags & kWhiteBefore) == 0 && !has_source)) padding = token;
    has_padding = true;
  }
  if (token.Is('(')) return true;
  if (contexts_.empty()) {
    if (token.kind != Kind::kEnd) {
      looked_ahead_ = token;
      has_ahead_ = true;
    }
  } else {
    // It is of that list, as what is behind the end of one is of the next.
    --contexts_.back().at;
  }
  if (has_padding) Push(Keep(padding), 1, nullptr, 0);
  return false;
}

/// A list's tokens from `base` on, kept elsewhere with an end behind them; nullptr when there is no room.
Token* Preprocessor::Taken(Stretch<Token>& from, size_t base, uint32_t* count) {
  *count = static_cast<uint32_t>(from.size() - base);
  Token* kept = spare_.AddRoom(*count + 1);
  if (kept == nullptr) return nullptr;
  if (*count > 0) memcpy(kept, &from[base], *count * sizeof(Token));
  End(kept[*count]);
  from.Shrink(base);
  return kept;
}

// Behind the "(": to the ")" that belongs to it.
bool Preprocessor::Collect(Macro* macro, Argument* arguments) {
  uint32_t given = 0;
  bool ends = false;
  while (!ends) {
    const size_t first = collecting_.size();
    uint32_t depth = 0;
    ++given;
    for (;;) {
      Token token;
      Get(token);
      if (failed_ || token.kind == Kind::kEnd) return false;
      if (token.kind == Kind::kPadding) {
        if (collecting_.size() == first) continue;
      } else if (token.Is('(')) {
        ++depth;
      } else if (token.Is(')')) {
        ends = depth == 0;
        if (ends) break;
        --depth;
      } else if (token.Is(',')) {
        if (depth == 0 && !(macro->is_variadic && given == macro->parameters)) break;
      }
      if (!collecting_.Add(token)) return false;
    }
    while (collecting_.size() > first && collecting_.back().kind == Kind::kPadding) collecting_.RemoveLast();
    if (given > macro->parameters) {
      // "()" is no argument of a macro that takes none.
      if (macro->parameters == 0 && given == 1 && ends && collecting_.size() == first) break;
      return false;
    }
    Argument& argument = arguments[given - 1];
    argument.first = Taken(collecting_, first, &argument.count);
    if (argument.first == nullptr) return false;
  }
  if (macro->parameters == 0) return true;
  const bool omitted = given + 1 == macro->parameters && macro->is_variadic;
  if (given < macro->parameters && !omitted) return false;
  // ", ## args" loses its comma when args was left out.
  if (macro->is_variadic && (omitted || (given == 1 && macro->parameters == 1 && arguments[0].count == 0))) {
    Argument& last = arguments[macro->parameters - 1];
    last = Argument{};
  }
  return true;
}

void Preprocessor::Expand(Argument& argument) {
  Token* kept = spare_.AddRoom(1);
  argument.expanded = kept;
  argument.expanded_count = 0;
  if (kept == nullptr) return Fail();
  if (argument.count == 0) return;
  const size_t base = collecting_.size();
  Guard guard{};
  Guard* before = guard_;
  guard_ = &guard;
  ++expanding_arguments_;
  Push(argument.first, argument.count + 1, nullptr, 0);
  const size_t depth = contexts_.size();
  for (;;) {
    Token token;
    Get(token);
    if (failed_ || token.kind == Kind::kEnd) break;
    guard.See(token);
    if (!collecting_.Add(token)) Fail();
  }
  --expanding_arguments_;
  guard_ = before;
  if (failed_) return;
  if (contexts_.size() != depth) return Fail();
  Pop();
  argument.expanded = Taken(collecting_, base, &argument.expanded_count);
  if (argument.expanded == nullptr) Fail();
}

const Token* Preprocessor::Stringified(const Argument& argument) {
  size_t most = 3;
  for (uint32_t i = 0; i < argument.count; ++i) most += 2 * static_cast<size_t>(argument.first[i].size) + 1;
  char* text = texts_.AddRoom(most);
  if (text == nullptr) {
    Fail();
    return &next_;
  }
  uint32_t size = 0;
  text[size++] = '"';
  uint8_t source_flags = 0;
  bool source_is_null = true;
  for (uint32_t i = 0; i < argument.count; ++i) {
    const Token& token = argument.first[i];
    if (token.kind == Kind::kPadding) {
      const bool names_source = (token.flags & kHasSource) != 0;
      if (source_is_null || ((source_flags & kWhiteBefore) == 0 && !names_source)) {
        source_is_null = !names_source;
        source_flags = token.flags;
      }
      continue;
    }
    if (size > 1) {
      const uint8_t flags = source_is_null ? token.flags : source_flags;
      if ((flags & kWhiteBefore) != 0) text[size++] = ' ';
    }
    source_is_null = true;
    source_flags = 0;
    // gcc may have done the pragma before.
    if (token.Is('\\') || (token.kind == Kind::kName && token.node->statement == kIsPragma)) Fail();
    for (uint32_t at = 0; at < token.size; ++at) {
      const char c = token.text[at];
      if (token.kind == Kind::kQuoted && (c == '"' || c == '\\')) text[size++] = '\\';
      text[size++] = c;
    }
  }
  text[size++] = '"';
  Token token{};
  token.kind = Kind::kQuoted;
  token.text = text;
  token.size = size;
  return Keep(token);
}

// Makes of each argument what the macro wants of it.
void Preprocessor::PrepareArguments(const Macro& macro, Argument* arguments) {
  const Token* first = macro.tokens;
  for (const Token* token = first; token < first + macro.count && !failed_; ++token) {
    if (token->kind != Kind::kParameter) continue;
    Argument& argument = arguments[token->parameter - 1];
    if ((token->flags & kStringify) != 0) {
      if (argument.text == nullptr) argument.text = Stringified(argument);
    } else if ((token->flags & kPasteLeft) == 0 && !(token != first && (token[-1].flags & kPasteLeft) != 0)) {
      if (argument.expanded == nullptr) Expand(argument);
    }
  }
}

// Puts an argument in the place of its parameter, in the list that begins at `base`.
void Preprocessor::AddArgument(const Macro& macro, const Token* token, const Argument& argument,
                               size_t base) {
  const auto add = [&](const Token& one) {
    if (!building_.Add(one)) Fail();
  };
  const bool pastes_left = (token->flags & kPasteLeft) != 0;
  const bool is_pasted = token != macro.tokens && (token[-1].flags & kPasteLeft) != 0;
  size_t flagged = SIZE_MAX;  // Which token's paste flag is set or taken.
  const Token* from = argument.expanded;
  uint32_t count = argument.expanded_count;
  if ((token->flags & kStringify) != 0) {
    from = argument.text;
    count = 1;
  } else if (pastes_left || is_pasted) {
    from = argument.first;
    count = argument.count;
    if (!pastes_left && building_.size() > base) {
      const bool follows_comma =
          building_.back().Is(',') && macro.is_variadic && token->parameter == macro.parameters;
      if (follows_comma && from == nullptr)
        building_.RemoveLast();
      else if (follows_comma || count == 0)
        flagged = building_.size() - 1;
    }
  }
  if (!in_directive_ && token != macro.tokens && !is_pasted) add(PaddingOf(*token));
  for (uint32_t i = 0; i < count; ++i) add(from[i]);
  if (count > 0 && pastes_left) flagged = building_.size() - 1;
  if (!in_directive_ && !pastes_left) add(Gap());
  if (flagged == SIZE_MAX) return;
  uint8_t& flags = building_[flagged].flags;
  flags = static_cast<uint8_t>(pastes_left ? flags | kPasteLeft : flags & ~kPasteLeft);
}

void Preprocessor::Replace(Macro* macro, Argument* arguments, uint32_t line) {
  PrepareArguments(*macro, arguments);
  const size_t base = building_.size();
  for (const Token* token = macro->tokens; token < macro->tokens + macro->count && !failed_; ++token) {
    if (token->kind == Kind::kParameter)
      AddArgument(*macro, token, arguments[token->parameter - 1], base);
    else if (!building_.Add(*token))
      Fail();
  }
  if (failed_) return;
  uint32_t count = 0;
  const Token* kept = Taken(building_, base, &count);
  if (kept == nullptr) return Fail();
  Push(kept, count, nullptr, line);
}

bool Preprocessor::Paste(Token& left, const Token& right) {
  const uint32_t size = left.size + right.size;
  char* text = texts_.AddRoom(size + 3);
  if (text == nullptr) return false;
  memcpy(text, left.text, left.size);
  if (right.size > 0) memcpy(text + left.size, right.text, right.size);
  text[size] = '\n';
  const uint8_t white = left.flags & kWhiteBefore;
  const uint32_t line = left.line;
  if (!LexAll(text, size, left)) return false;
  left.flags |= white;
  left.line = line;
  return true;
}

// libcpp's paste_all_tokens: what stands left of "##" with all that follows.
void Preprocessor::PasteAll(Token left) {
  for (bool more = true; more && !failed_;) {
    Context& context = contexts_.back();
    if (context.at == context.end) return Fail();
    const Token right = *context.at++;
    more = (right.flags & kPasteLeft) != 0;
    if (right.kind == Kind::kPadding) continue;
    if (right.kind == Kind::kEnd || !Paste(left, right)) return Fail();
  }
  left.flags &= static_cast<uint8_t>(~kPasteLeft);
  Push(Keep(left), 1, nullptr, 0);
}

}  // namespace kiln::cpp
