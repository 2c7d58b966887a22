// SPDX-License-Identifier: Apache-2.0
#include "volume/detail/btrfs_ioctl.h"

#include <endian.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <vector>

#include "os/file.h"

namespace howdah::volume::btrfs {
namespace {

// Not in the headers of kernels before 6.7, which Debian 12 builds with.
constexpr __u64 kEnableSimpleQuotas = 4;

template <std::size_t kSize>
bool put_name(char (&field)[kSize], const std::string& name) {
  if (name.size() >= kSize) return false;
  std::memcpy(field, name.c_str(), name.size() + 1);
  return true;
}

Result<void> create(int parent_fd, const std::string& name, int source_fd) {
  const bool snapshot = source_fd >= 0;
  btrfs_ioctl_vol_args_v2 arguments{};
  if (snapshot) arguments.fd = source_fd;
  if (!put_name(arguments.name, name)) return fail_errno("make subvolume", ENAMETOOLONG);
  const auto request = snapshot ? BTRFS_IOC_SNAP_CREATE_V2 : BTRFS_IOC_SUBVOL_CREATE_V2;
  if (::ioctl(parent_fd, request, &arguments) == 0) return {};
  const std::string what = (snapshot ? "snapshot to " : "make subvolume ") + name;
  if (errno == EEXIST) return fail(ErrorCode::conflict, what + ": it exists");
  return fail_errno(what, errno);
}

// One page of the items of a type, objectid given, whose offset is at least `from`; of the first
// item also the content.
Result<btrfs_ioctl_search_args> search(int fd, std::uint64_t tree, const btrfs_disk_key& from) {
  btrfs_ioctl_search_args arguments{};
  arguments.key.tree_id = tree;
  arguments.key.min_objectid = arguments.key.max_objectid = from.objectid;
  arguments.key.min_type = arguments.key.max_type = from.type;
  arguments.key.min_offset = from.offset;
  arguments.key.max_offset = ~0ULL;
  arguments.key.max_transid = ~0ULL;
  arguments.key.nr_items = 1;
  if (::ioctl(fd, BTRFS_IOC_TREE_SEARCH, &arguments) != 0) {
    return fail_errno("search a tree of the file system", errno);
  }
  return arguments;
}

btrfs_ioctl_search_header header_of(const btrfs_ioctl_search_args& page) {
  btrfs_ioctl_search_header header{};
  std::memcpy(&header, page.buf, sizeof header);
  return header;
}

Result<std::vector<std::uint64_t>> children_of(int fd, std::uint64_t id) {
  std::vector<std::uint64_t> children;
  std::uint64_t from = 0;
  while (true) {
    HOWDAH_TRY(const auto page,
               search(fd, BTRFS_ROOT_TREE_OBJECTID,
                      {.objectid = id, .type = BTRFS_ROOT_REF_KEY, .offset = from}));
    if (page.key.nr_items == 0) return children;
    children.push_back(header_of(page).offset);
    from = children.back() + 1;
  }
}

// By its id: the way there may be longer than any path can be.
Result<os::UniqueFd> open_subvolume(int fd, std::uint64_t id) {
  // struct btrfs_fid of fs/btrfs/export.h, without a parent; generation 0 fits every one.
  constexpr int kWithoutParent = 0x4d;
  struct Handle {
    unsigned size = 20;
    int type = kWithoutParent;
    std::array<std::uint32_t, 5> bytes{};
  } handle;
  const std::array<std::uint64_t, 2> inode_and_root{BTRFS_FIRST_FREE_OBJECTID, id};
  std::memcpy(handle.bytes.data(), inode_and_root.data(), sizeof inode_and_root);
  os::UniqueFd opened(::open_by_handle_at(fd, reinterpret_cast<file_handle*>(&handle),
                                          O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened) return fail_errno("open a subvolume inside another", errno);
  return opened;
}

// Its owner may have set it read-only.
Result<void> make_writable(int fd) {
  __u64 flags = 0;
  if (::ioctl(fd, BTRFS_IOC_SUBVOL_GETFLAGS, &flags) != 0) {
    return fail_errno("read the flags of a subvolume", errno);
  }
  flags &= ~static_cast<__u64>(BTRFS_SUBVOL_RDONLY);
  if (::ioctl(fd, BTRFS_IOC_SUBVOL_SETFLAGS, &flags) != 0) {
    return fail_errno("make a subvolume writable", errno);
  }
  return {};
}

}  // namespace

bool is_btrfs(int fd) {
  struct statfs info{};
  return ::fstatfs(fd, &info) == 0 && info.f_type == BTRFS_SUPER_MAGIC;
}

bool is_subvolume(int fd) {
  struct stat info{};
  return is_btrfs(fd) && ::fstat(fd, &info) == 0 && info.st_ino == BTRFS_FIRST_FREE_OBJECTID;
}

Result<void> create_subvolume(int parent_fd, const std::string& name) {
  return create(parent_fd, name, -1);
}

Result<void> create_snapshot(int source_fd, int parent_fd, const std::string& name) {
  return create(parent_fd, name, source_fd);
}

int destroy_subvolume(int parent_fd, const std::string& name) {
  btrfs_ioctl_vol_args_v2 arguments{};
  if (!put_name(arguments.name, name)) return ENAMETOOLONG;
  return ::ioctl(parent_fd, BTRFS_IOC_SNAP_DESTROY_V2, &arguments) == 0 ? 0 : errno;
}

Result<void> destroy_nested(int fd) {
  HOWDAH_TRY(const std::uint64_t top, subvolume_id(fd));
  // Parents come before their children, so that the reverse order destroys leaves first.
  std::vector<std::uint64_t> found{top};
  for (std::size_t i = 0; i < found.size(); ++i) {
    HOWDAH_TRY(const std::vector<std::uint64_t> children, children_of(fd, found[i]));
    found.insert(found.end(), children.begin(), children.end());
  }
  // A read-only subvolume keeps those inside it from being destroyed.
  HOWDAH_CHECK(make_writable(fd));
  for (std::size_t i = 1; i < found.size(); ++i) {
    HOWDAH_TRY(const os::UniqueFd nested, open_subvolume(fd, found[i]));
    HOWDAH_CHECK(make_writable(nested.get()));
  }
  for (std::size_t i = found.size(); i > 1; --i) {
    btrfs_ioctl_vol_args_v2 arguments{};
    arguments.flags = BTRFS_SUBVOL_SPEC_BY_ID;
    arguments.subvolid = found[i - 1];
    if (::ioctl(fd, BTRFS_IOC_SNAP_DESTROY_V2, &arguments) != 0 && errno != ENOENT) {
      return fail_errno("destroy a subvolume inside another", errno);
    }
  }
  return {};
}

void wake_cleaner(int fd) {
  (void)::ioctl(fd, BTRFS_IOC_SYNC);
}

ByteCount unplaced_bytes(int fd) {
  btrfs_ioctl_fs_info_args info{};
  if (::ioctl(fd, BTRFS_IOC_FS_INFO, &info) != 0) return 0;
  std::string uuid;
  for (std::size_t i = 0; i < sizeof info.fsid; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) uuid += '-';
    uuid += fmt::format("{:02x}", info.fsid[i]);
  }
  const auto text =
      os::read_file("/sys/fs/btrfs/" + uuid + "/allocation/data/bytes_may_use", 4_KiB);
  if (!text) return 0;
  ByteCount bytes = 0;
  (void)std::from_chars(text->data(), text->data() + text->size(), bytes);
  return bytes;
}

Result<void> grow_to_device(int fd) {
  btrfs_ioctl_vol_args arguments{};
  (void)put_name(arguments.name, "1:max");
  if (::ioctl(fd, BTRFS_IOC_RESIZE, &arguments) == 0) return {};
  return fail_errno("grow the file system", errno);
}

Result<void> enable_simple_quotas(int fd) {
  btrfs_ioctl_quota_ctl_args arguments{};
  arguments.cmd = kEnableSimpleQuotas;
  if (::ioctl(fd, BTRFS_IOC_QUOTA_CTL, &arguments) == 0) return {};
  return fail(ErrorCode::unsupported, "this kernel has no btrfs simple quotas (it needs 6.7)");
}

Result<std::uint64_t> subvolume_id(int fd) {
  btrfs_ioctl_ino_lookup_args arguments{};
  arguments.objectid = BTRFS_FIRST_FREE_OBJECTID;
  if (::ioctl(fd, BTRFS_IOC_INO_LOOKUP, &arguments) != 0) {
    return fail_errno("ask for the subvolume's id", errno);
  }
  return arguments.treeid;
}

Result<ByteCount> own_bytes(int fd, std::uint64_t id) {
  HOWDAH_TRY(const auto page, search(fd, BTRFS_QUOTA_TREE_OBJECTID,
                                     {.objectid = 0, .type = BTRFS_QGROUP_INFO_KEY, .offset = id}));
  if (page.key.nr_items == 0 || header_of(page).offset != id) {
    return fail(ErrorCode::not_found, "the subvolume has no quota");
  }
  btrfs_qgroup_info_item item{};
  std::memcpy(&item, page.buf + sizeof(btrfs_ioctl_search_header), sizeof item);
  return le64toh(item.excl);
}

Result<void> limit_own_bytes(int fd, std::uint64_t id, ByteCount bytes) {
  btrfs_ioctl_qgroup_limit_args arguments{};
  arguments.qgroupid = id;
  arguments.lim.flags = BTRFS_QGROUP_LIMIT_MAX_RFER;
  // All bits: takes the limit away.
  arguments.lim.max_rfer = bytes == 0 ? ~std::uint64_t{0} : bytes;
  if (::ioctl(fd, BTRFS_IOC_QGROUP_LIMIT, &arguments) == 0) return {};
  return fail_errno("limit the bytes of a subvolume", errno);
}

}  // namespace howdah::volume::btrfs
