#include "test/support/tiny_disk.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <stdexcept>

namespace signet::test {
namespace {

bool Mount(const std::string& path, std::size_t kib) {
  const std::string options = "size=" + std::to_string(kib) + "k,mode=0777";
  return mount("none", path.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, options.c_str()) == 0;
}

}  // namespace

bool TinyDisk::Possible() {
  const TempDir directory;
  if (getuid() != 0 || !Mount(directory.path(), 16)) return false;
  umount2(directory.path().c_str(), MNT_DETACH);
  return true;
}

TinyDisk::TinyDisk(std::size_t kib) {
  if (!Mount(directory_.path(), kib)) throw std::runtime_error("no file system of its own");
}

TinyDisk::~TinyDisk() { umount2(directory_.path().c_str(), MNT_DETACH); }

void TinyDisk::Fill() const {
  const int fd =
      open((directory_ / "ballast").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  const std::string page(4096, 'x');
  while (write(fd, page.data(), page.size()) > 0) {
  }
  close(fd);
}

void TinyDisk::Empty() const { unlink((directory_ / "ballast").c_str()); }

}  // namespace signet::test
