#ifndef SIGNET_SRC_TLS_KEY_CLIENT_H_
#define SIGNET_SRC_TLS_KEY_CLIENT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/channel.h"
#include "src/base/result.h"

// The serving process's side of the key process: keys that are used without being here.
namespace signet::tls {

class KeyClient;

// A private key that lies in the key process, and is let go there when dropped.
class RemoteKey {
 public:
  ~RemoteKey();
  RemoteKey(const RemoteKey&) = delete;
  RemoteKey& operator=(const RemoteKey&) = delete;
  int algorithm() const { return algorithm_; }  // as the TLS library numbers them
  unsigned bits() const { return bits_; }
  const std::string& public_part() const { return public_part_; }    // SubjectPublicKeyInfo, DER
  const std::string& certificates() const { return certificates_; }  // of the same file, PEM

  // A signature of data, or of a hash. Waits for the key process, a second at most, and
  // not at all for some seconds after it did not answer; asks again where it is another one than
  // before. Any thread.
  //   Errors  text for the log.
  Result<std::string, std::string> Sign(bool hash, unsigned algorithm, std::string_view data) const;

 private:
  friend class KeyClient;
  RemoteKey(KeyClient& client, std::string path) : client_(client), path_(std::move(path)) {}
  KeyClient& client_;
  const std::string path_;
  int algorithm_ = 0;
  unsigned bits_ = 0;
  std::string public_part_, certificates_;
  mutable std::mutex mutex_;
  mutable std::uint64_t number_ = 0;  // guarded by mutex_
};
using RemoteKeyPtr = std::shared_ptr<const RemoteKey>;

// Lines to the key process. Each carries one request at a time; there are as many as threads
// have ever asked at once, so that signing for one core does not wait for another's.
//
//   Threads   any.
//   Lifetime  outlives the keys.
class KeyClient {
 public:
  // A new line to the key process; an invalid one where there is none at present.
  using Connect = std::function<Channel()>;
  // Told once for each kind of trouble in a row: text for the log.
  using Trouble = std::function<void(const std::string&)>;
  explicit KeyClient(Connect connect) : connect_(std::move(connect)) {}
  void SetTrouble(Trouble trouble);

  // Errors: whole ones as of ReadKeyFile, or, `*unfit`, why what was read is no key.
  Result<RemoteKeyPtr, std::string> Load(const std::string& path, bool* unfit);

  // The one that server policies of this process use from now on; nullptr: keys are held here.
  // To be set before any is loaded, by the only thread.
  static void Use(KeyClient* client);
  static KeyClient* InUse();

 private:
  friend class RemoteKey;
  // What is behind "good", or what is behind "bad"; "gone": there is no key process.
  Result<std::string, std::string> Ask(std::string_view word, const Packer& what);
  Result<std::string, std::string> AskOn(const Channel& line, std::uint64_t request,
                                         std::string_view text, std::size_t most,
                                         Deadline deadline);
  bool LeavesAlone();
  void LeaveAlone();
  void Tell(std::string_view word, const Packer& what);
  Channel Take();
  void GiveBack(Channel line);
  void Complain(const std::string& trouble);

  Connect connect_;
  std::mutex mutex_;  // all below
  Trouble trouble_;
  std::string told_;
  std::vector<Channel> idle_;
  std::uint64_t last_request_ = 0;
  Deadline alone_until_ = Deadline::After(std::chrono::milliseconds(0));  // it did not answer
};

}  // namespace signet::tls
#endif
