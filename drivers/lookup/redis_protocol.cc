#include "drivers/lookup/redis_protocol.h"

#include <algorithm>
#include <charconv>

namespace signet::redis {
namespace {

bool IsBlank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string_view Trim(std::string_view text) {
  while (!text.empty() && IsBlank(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsBlank(text.back())) text.remove_suffix(1);
  return text;
}

template <typename T>
bool ReadNumber(std::string_view text, T* number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

// --- queries -----------------------------------------------------------------------------

std::vector<std::string> SplitCommand(std::string_view query) {
  std::vector<std::string> words;
  bool in_word = false;
  for (std::size_t i = 0; i < query.size(); ++i) {
    if (IsBlank(query[i])) {
      in_word = false;
      continue;
    }
    if (query[i] == '\\' && ++i == query.size()) break;
    if (!in_word) words.emplace_back();
    in_word = true;
    words.back() += query[i];
  }
  return words;
}

std::string QuoteWord(std::string_view text) {
  std::string quoted;
  for (char c : text) {
    if (IsBlank(c) || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted;
}

std::string Encode(const std::vector<std::string>& words) {
  std::string message = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string& word : words)
    message.append("$")
        .append(std::to_string(word.size()))
        .append("\r\n")
        .append(word)
        .append("\r\n");
  return message;
}

bool IsReading(std::string_view command) {
  static constexpr std::string_view kReading[] = {
      "bitcount",    "echo",          "exists", "get",       "getbit",   "getrange",   "hexists",
      "hget",        "hgetall",       "hkeys",  "hlen",      "hmget",    "hstrlen",    "hvals",
      "keys",        "lindex",        "llen",   "lrange",    "mget",     "ping",       "pttl",
      "scard",       "sdiff",         "sinter", "sismember", "smembers", "smismember", "strlen",
      "sunion",      "ttl",           "type",   "zcard",     "zcount",   "zlexcount",  "zrange",
      "zrangebylex", "zrangebyscore", "zrank",  "zrevrange", "zrevrank", "zscore"};
  std::string lower(command);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  return std::find(std::begin(kReading), std::end(kReading), lower) != std::end(kReading);
}

// --- servers -----------------------------------------------------------------------------

std::vector<std::string> SplitServers(std::string_view list) {
  char separator = ':';
  list = Trim(list);
  if (list.size() >= 2 && list[0] == '<' && list[1] > ' ' && list[1] < '\x7f') {
    separator = list[1];
    list.remove_prefix(2);
  }
  std::vector<std::string> items;
  std::string item;
  const auto end_item = [&] {
    if (const std::string_view trimmed = Trim(item); !trimmed.empty()) items.emplace_back(trimmed);
    item.clear();
  };
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (list[i] != separator) {
      item += list[i];
    } else if (i + 1 < list.size() && list[i + 1] == separator) {
      item += list[i++];
    } else {
      end_item();
    }
  }
  end_item();
  return items;
}

constexpr const char* kNowhere = "a Redis server has neither a host nor the path of a socket";

std::string ReadServer(std::string_view item, Server* server) {
  *server = Server();
  const std::size_t last = item.rfind('/');
  const std::size_t first =
      last == std::string_view::npos || last == 0 ? last : item.rfind('/', last - 1);
  const bool socket = !item.empty() && item[0] == '(';
  const std::size_t closing = socket ? item.find(')') : 0;
  if (last == std::string_view::npos || first == std::string_view::npos || first >= last ||
      (socket && (closing == std::string_view::npos || first != closing + 1)))
    return "incomplete Redis server data: " + std::string(item.substr(0, last));
  server->password = item.substr(last + 1);
  server->database = item.substr(first + 1, last - first - 1);
  std::string_view host = item.substr(0, first);
  if (socket) {
    server->path = item.substr(1, closing - 1);
    return server->path.empty() ? kNowhere : "";
  }
  if (!host.empty() && host[0] == '[') {
    const std::size_t bracket = std::min(host.find(']'), host.size() - 1);
    server->host = host.substr(1, bracket - 1);
    if (host[bracket] != ']') server->port = 0;
    host.remove_prefix(bracket + 1);
  } else {
    const std::size_t colon = std::min(host.find(':'), host.size());
    server->host = host.substr(0, colon);
    host.remove_prefix(colon);
  }
  if (server->host.empty()) return kNowhere;
  if (host.empty() && server->port != 0) return "";
  if (host.empty() || host[0] != ':' || !ReadNumber(host.substr(1), &server->port) ||
      server->port == 0)
    return "unusable port for Redis server " + server->host;
  return "";
}

// --- replies -----------------------------------------------------------------------------

namespace {

constexpr int kDepthMax = 2;

// What is left of a reply's room goes down with everything that it announces.
std::string ReadPart(const Source& source, int depth, std::size_t* room, Reply* reply) {
  std::string line;
  if (std::string why = source.line(&line); !why.empty()) return why;
  constexpr std::size_t kForEachPart = 16;  // so that empty ones have an end too
  if (*room < line.size() + kForEachPart) return "the answer is too long";
  *room -= line.size() + kForEachPart;
  if (line.empty()) return "malformed reply";
  const char kind = line[0];
  line.erase(0, 1);
  std::int64_t number = 0;
  if ((kind == ':' || kind == '$' || kind == '*') && !ReadNumber(std::string_view(line), &number))
    return "malformed reply";
  switch (kind) {
    case '+':
    case '-':
    case ':':
      reply->kind = kind == '+' ? Reply::kText : kind == '-' ? Reply::kError : Reply::kInteger;
      reply->text = std::move(line);
      return "";
    case '$':
    case '*':
      break;
    default:
      return "malformed reply";
  }
  reply->kind = number < 0 ? Reply::kNil : kind == '$' ? Reply::kText : Reply::kArray;
  if (number < 0) return "";
  if (static_cast<std::uint64_t>(number) > *room) return "the answer is too long";
  if (kind == '$') {
    *room -= static_cast<std::size_t>(number);
    return source.octets(static_cast<std::size_t>(number), &reply->text);
  }
  if (number > 0 && depth == kDepthMax) return "arrays are nested too deep";
  for (std::int64_t i = 0; i < number; ++i) {
    reply->elements.emplace_back();
    std::string why = ReadPart(source, depth + 1, room, &reply->elements.back());
    if (!why.empty()) return why;
  }
  return "";
}

void ShowElement(const Reply& reply, bool* first, std::string* text) {
  if (reply.kind == Reply::kArray) {
    for (const Reply& element : reply.elements) ShowElement(element, first, text);
    return;
  }
  if (!*first) *text += '\n';
  *first = false;
  *text += reply.text;
}

}  // namespace

std::string ReadReply(const Source& source, Reply* reply) {
  // Twice the room of the answer: for what describes its parts.
  std::size_t room = 2 * kReplyMaxBytes;
  return ReadPart(source, 0, &room, reply);
}

std::string ShowReply(const Reply& reply) {
  if (reply.kind == Reply::kInteger)
    return reply.text.find_first_not_of("-0") == std::string::npos ? "false" : "true";
  std::string text;
  bool first = true;
  ShowElement(reply, &first, &text);
  return text;
}

}  // namespace signet::redis
