#include "test/support/fault_load.h"

#include <algorithm>
#include <cstdlib>
#include <random>
#include <stdexcept>

#include "test/support/smtp_client.h"

namespace signet::test {
namespace {

double SecondsSince(Load::Moment moment) {
  return std::chrono::duration<double>(Load::Now() - moment).count();
}

bool Is(const std::string& reply, char first) { return !reply.empty() && reply[0] == first; }

// Code and enhanced code: what is said besides has names and numbers in it.
std::string Words(const std::string& reply) {
  if (reply.empty()) return "(none)";
  const std::size_t second = reply.find(' ', std::min<std::size_t>(4, reply.size()));
  return reply.substr(0, second);
}

}  // namespace

bool Meeting::good(bool may_send) const {
  if (!connected || broken || replies.empty()) return false;
  return may_send ? accepted == static_cast<int>(replies.size()) : Is(replies.back(), '5');
}

std::string Tally::Text() const {
  std::string text =
      std::to_string(sessions) + " sessions, " + std::to_string(connected) + " connected, " +
      std::to_string(broken) + " broken, " + std::to_string(denied) + " without their identity, " +
      std::to_string(accepted) + " messages taken, usual " + std::to_string(usual_seconds) +
      " s, slowest reply " + std::to_string(slowest_seconds) + " s;";
  for (const auto& [words, count] : replies) text += " " + std::to_string(count) + "×" + words;
  return text;
}

Load::Load(Options options) : options_(std::move(options)) {
  for (int i = 0; i < options_.clients; ++i) threads_.emplace_back([this, i] { Run(i); });
}

Load::~Load() { Stop(); }

void Load::Stop() {
  stop_ = true;
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

// Clients begin at different places of the same round, so that each kind always has somebody.
void Load::Run(int number) {
  const std::size_t visitors = options_.visitors.size(), routes = options_.routes.size();
  const std::size_t first =
      static_cast<std::size_t>(number) * visitors / static_cast<std::size_t>(options_.clients);
  for (std::size_t turn = 0; !stop_; ++turn) {
    const Visitor& visitor = options_.visitors[(first + turn) % visitors];
    const std::size_t round = turn / visitors + static_cast<std::size_t>(number);
    const Route& route = options_.routes[round % routes];
    Meeting meeting;
    meeting.kind = visitor.kind;
    meeting.route = route.name;
    meeting.begun = Now();
    Visit(visitor, route, &meeting);
    meeting.seconds = SecondsSince(meeting.begun);
    {
      const std::lock_guard lock(mutex_);
      meetings_.emplace_back(visitor.name, std::move(meeting));
    }
    std::this_thread::sleep_for(options_.pause);
  }
}

const std::string& Load::Say(SmtpClient* client, const std::string& line, Meeting* meeting) {
  const Moment begun = Now();
  const std::string& reply = client->Say(line);
  meeting->slowest = std::max(meeting->slowest, SecondsSince(begun));
  if (reply.empty()) meeting->broken = true;
  return reply;
}

void Load::Visit(const Visitor& visitor, const Route& route, Meeting* meeting) {
  try {
    SmtpClient client(options_.port);
    meeting->connected = true;
    meeting->slowest = SecondsSince(meeting->begun);
    if (!Is(client.reply(), '2')) {
      meeting->broken = true;
      meeting->replies.push_back(client.reply());
      return;
    }
    Say(&client, "EHLO client.example.org", meeting);
    if (!Is(Say(&client, "STARTTLS", meeting), '2') || !client.StartTls(visitor.pem, visitor.key) ||
        !Is(Say(&client, "EHLO client.example.org", meeting), '2')) {
      meeting->broken = true;
      return;
    }
    NoteIdentity(visitor, Say(&client, std::string("MAIL FROM:<") + kWhoAmI + ">", meeting),
                 meeting);
    for (int i = 0; i < 2 && !meeting->broken; ++i) Submit(&client, visitor, route, meeting);
    if (!meeting->broken) Say(&client, "QUIT", meeting);
  } catch (const std::runtime_error&) {
    // Nobody listens: `connected` says so.
  }
}

// "550 … identity=[alice@example.org]"; a temporary failure does not say that there is none.
void Load::NoteIdentity(const Visitor& visitor, const std::string& reply, Meeting* meeting) {
  const std::string mark = "identity=[";
  const std::size_t at = reply.find(mark);
  if (at == reply.npos) return;
  const std::size_t begin = at + mark.size();
  const std::string identity = reply.substr(begin, reply.find(']', begin) - begin);
  meeting->denied = Is(reply, '5') && identity.empty() && !visitor.identity.empty();
  if (identity.empty() || identity == visitor.identity) return;
  const std::lock_guard lock(mutex_);
  wrong_.push_back(visitor.name + " was told: " + reply);
}

void Load::Submit(SmtpClient* client, const Visitor& visitor, const Route& route,
                  Meeting* meeting) {
  const int id = ++next_id_;
  const std::string from = visitor.name + "@" + kDomain;
  for (const std::string& line :
       {"MAIL FROM:<" + from + ">", "RCPT TO:<x@" + route.domain + ">", std::string("DATA")}) {
    const std::string& reply = Say(client, line, meeting);
    if (Is(reply, '2') || Is(reply, '3')) continue;
    meeting->replies.push_back(reply);
    if (!meeting->broken) Say(client, "RSET", meeting);
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    offers_[id] = {visitor.name, visitor.identity, route.name, 0};
  }
  const std::string body = Body(id);
  client->Send(Header(id, visitor.name) + "\r\n" + body.substr(0, body.size() / 2));
  client->Send(body.substr(body.size() / 2));
  const std::string reply = Say(client, ".", meeting);
  meeting->replies.push_back(reply);
  meeting->accepted += reply.substr(0, 3) == "250";
  const std::lock_guard lock(mutex_);
  offers_[id].code = std::atoi(reply.c_str());
}

std::string Load::Header(int id, const std::string& visitor) {
  const std::string number = std::to_string(id);
  return "From: " + visitor + "@" + kDomain +
         "\r\nTo: x@example.net\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\nMessage-ID: <" + number +
         "@" + kDomain + ">\r\nSubject: " + number + "\r\nX-Visitor: " + visitor + "\r\n";
}

// Every eighth one is larger than what is held in memory.
std::string Load::Body(int id) {
  std::minstd_rand random(static_cast<unsigned>(id));
  const std::size_t bytes = id % 8 == 0 ? 100'000 + random() % 50'000 : random() % 3'000;
  std::string body = "begin " + std::to_string(id) + "\r\n";
  while (body.size() < bytes)
    body += std::string(1 + random() % 150, static_cast<char>('a' + random() % 26)) + "\r\n";
  return body + "end " + std::to_string(id) + "\r\n";
}

Tally Load::Of(const std::string& kind, Moment since, const std::string& route,
               Moment until) const {
  Tally tally;
  std::vector<double> took;
  const std::lock_guard lock(mutex_);
  for (const auto& [name, meeting] : meetings_) {
    if (meeting.begun < since || meeting.begun >= until ||
        (!kind.empty() && meeting.kind != kind) || (!route.empty() && meeting.route != route))
      continue;
    ++tally.sessions;
    tally.connected += meeting.connected;
    tally.broken += meeting.broken;
    tally.accepted += meeting.accepted;
    tally.denied += meeting.denied;
    for (const std::string& reply : meeting.replies) {
      tally.deferred += Is(reply, '4');
      tally.refused += Is(reply, '5');
      ++tally.replies[Words(reply)];
    }
    tally.slowest_seconds = std::max(tally.slowest_seconds, meeting.slowest);
    took.push_back(meeting.seconds);
  }
  std::sort(took.begin(), took.end());
  if (!took.empty()) tally.usual_seconds = took[took.size() * 9 / 10];
  return tally;
}

std::string Load::WaitUntilWell(milliseconds limit) const {
  const Moment since = Now();
  std::string missing;
  (void)WaitUntil(
      [&] {
        missing.clear();
        const std::lock_guard lock(mutex_);
        for (const Visitor& visitor : options_.visitors) {
          for (const Route& route : options_.routes) {
            const bool well =
                std::any_of(meetings_.begin(), meetings_.end(), [&](const auto& entry) {
                  return entry.first == visitor.name && entry.second.route == route.name &&
                         entry.second.begun >= since &&
                         entry.second.good(!visitor.identity.empty());
                });
            if (!well) missing += visitor.name + " to " + route.name + "; ";
          }
        }
        return missing.empty();
      },
      limit);
  return missing;
}

bool Load::WaitForSessions(const std::string& kind, Moment since, int count,
                           const std::string& route) const {
  return WaitUntil([&] { return Of(kind, since, route).sessions >= count; }, seconds(60 + count));
}

std::map<int, Load::Offer> Load::offers() const {
  const std::lock_guard lock(mutex_);
  return offers_;
}

std::vector<std::string> Load::wrong_identities() const {
  const std::lock_guard lock(mutex_);
  return wrong_;
}

}  // namespace signet::test
