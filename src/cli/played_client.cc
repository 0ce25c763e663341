#include "src/cli/played_client.h"

#include <arpa/inet.h>

#include <iostream>

#include "src/base/file.h"
#include "src/base/limits.h"
#include "src/base/log.h"
#include "src/base/text.h"
#include "src/crypto/pins.h"

namespace signet::cli {
namespace {

bool IsAddress(const std::string& text) {
  unsigned char octets[16];
  return ::inet_pton(AF_INET, text.c_str(), octets) == 1 ||
         ::inet_pton(AF_INET6, text.c_str(), octets) == 1;
}

std::string Quoted(const std::string& text) { return '"' + Printable(text) + '"'; }

// "" or why not.
std::string ReadCertificates(const Arguments& arguments, OfflineClient* client) {
  if (arguments.certificate_file.empty())
    return arguments.chain_files.empty() ? "" : "--chain belongs to a certificate: --cert PEM";
  auto chain = ReadChainFile(arguments.certificate_file);
  if (!chain) return "--cert: " + chain.error();
  client->chain = std::move(chain).value();
  for (const std::string& file : arguments.chain_files) {
    auto more = ReadChainFile(file);
    if (!more) return "--chain: " + more.error();
    for (std::string& der : more.value()) client->chain.push_back(std::move(der));
  }
  return "";
}

Result<std::string, std::string> ReadPassword(const Arguments& arguments) {
  if (arguments.password_file.empty())
    return Err{"--auth " + arguments.auth + " wants a password: --password-file FILE, or \"-\""};
  std::string text;
  if (arguments.password_file == "-") {
    std::getline(std::cin, text);
    return text;
  }
  auto file = ReadRegularFile(arguments.password_file, limits::kPasswordFileMaxBytes);
  if (!file)
    return Err{"--password-file: cannot read " + Quoted(arguments.password_file) + ": " +
               file.error()};
  return file.value().substr(0, file.value().find('\n'));
}

// "" or why not.
std::string ReadAuth(const Arguments& arguments, OfflineClient* client) {
  if (arguments.auth.empty()) {
    const bool stray = !arguments.auth_user.empty() || !arguments.password_file.empty();
    return stray ? "--user and --password-file belong to --auth" : "";
  }
  client->mechanism = Upper(arguments.auth);
  const std::string& user = arguments.auth_user;
  if (client->mechanism == "EXTERNAL") {
    client->responses = {user};
    return "";
  }
  if (client->mechanism != "PLAIN" && client->mechanism != "LOGIN" &&
      client->mechanism != "OAUTHBEARER")
    return "--auth " + Quoted(arguments.auth) +
           ": of the mechanisms EXTERNAL, LOGIN, OAUTHBEARER and PLAIN can be played";
  const auto password = ReadPassword(arguments);
  if (!password) return password.error();
  using std::string_literals::operator""s;
  if (client->mechanism == "PLAIN") {
    client->responses = {"\0"s + user + "\0"s + password.value()};
  } else if (client->mechanism == "LOGIN") {
    client->responses = {user, password.value()};
  } else {
    client->responses = {"n,a=" + user + ",\x01" + "auth=Bearer " + password.value() + "\x01\x01"};
  }
  return "";
}

}  // namespace

Result<OfflineClient, std::string> ClientOf(const Arguments& arguments) {
  OfflineClient client;
  client.listener = arguments.listener;
  if (!arguments.client_ip.empty()) client.ip = arguments.client_ip;
  if (!IsAddress(client.ip)) return Err{"--client-ip: " + Quoted(client.ip) + " is no IP address"};
  client.helo = arguments.helo;
  client.server_name = arguments.server_name;
  client.tls = !arguments.without_tls;
  client.tls12 = arguments.tls12;
  if (!arguments.at.empty()) {
    client.at = crypto::ReadDate(arguments.at, crypto::DayEnd::kFirst);
    if (!client.at)
      return Err{"--at: " + Quoted(arguments.at) +
                 " is no date; write 2027-06-30 or 2027-06-30T12:00:00Z"};
  }
  for (const std::string* text : {&client.helo, &client.server_name})
    for (char c : *text)
      if (IsControl(c)) return Err{Quoted(*text) + " holds a control character"};
  if (std::string wrong = ReadCertificates(arguments, &client); !wrong.empty()) return Err{wrong};
  if (std::string wrong = ReadAuth(arguments, &client); !wrong.empty()) return Err{wrong};
  return client;
}

}  // namespace signet::cli
