// SPDX-License-Identifier: Apache-2.0
// The copy-on-write file system that holds data directories, behind one interface. Three rules hold
// for every driver and are what volume_pgtest.cc proves:
//   - whatever clone() or create_directory() returned survives a power cut;
//   - a directory is there complete under its name, or not at all, also after a crash;
//   - a path given by a caller never leads out of the volume.
//
// Owner: howdah-node, one per data folder (it holds DIR/lock). Every call blocks (a clone from 5 ms
// to minutes, by driver): daemons use net::offload. Thread-safe, except close() and the destructor.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "os/file.h"

namespace howdah::volume {

namespace tree {
struct Place;
}

// Paths are relative to root(): components of [A-Za-z0-9._-] joined by '/', none of them "." or
// "..", at most 8, none beginning with ".howdah". Anything else: invalid_request. A symbolic link
// on the way is refused, never followed.
class Volume {
 public:
  virtual ~Volume();
  Volume(const Volume&) = delete;
  Volume& operator=(const Volume&) = delete;

  virtual std::string_view driver() const = 0;  // "btrfs", "reflink" or "copy"
  // Whether clone() of a directory in use is one consistent moment of it. When not, the source
  // must be a stopped instance: a plain copy of a running one corrupts.
  virtual bool clones_live_directories() const = 0;
  const os::Path& root() const { return root_; }  // absolute; mode 0711
  // What this volume cannot do and why, one line for people. Empty: nothing is missing.
  const std::string& degraded() const { return degraded_; }

  // Makes an empty directory that can be cloned, mode 0700, the caller's owner. Missing parents
  // are made as plain directories, mode 0711. Durable on return.
  // Errors: conflict when the path exists, volume_full.
  virtual Result<void> create_directory(const std::string& path) = 0;
  // Makes destination a writable copy of source (a path of create_directory() or clone()), with
  // its modes and owners. Parents as in create_directory(). Durable on return, without a sync of
  // anything else.
  // Errors: not_found, conflict when the destination exists, volume_full (nothing is left).
  // Cost: btrfs 4-8 ms whatever the size; reflink 50 us a file, more with many extents; copy
  // reads, writes and syncs every byte.
  virtual Result<void> clone(const std::string& source, const std::string& destination) = 0;
  // Makes durable what was written below path after it was created or cloned.
  // Cost: one fsync for each file and directory; nothing outside path is written out.
  Result<void> make_durable(const std::string& path);
  // Deletes whatever path is, with all below it; gone already is success. It has left its name,
  // durably, before anything of it is deleted. On btrfs the space comes back a little later.
  Result<void> remove(const std::string& path);
  // Bytes that path takes on its own: what it shares with the directory it was cloned from counts
  // there. Where the driver cannot tell, all its allocated bytes. On btrfs the figure may be 30 s
  // old (one commit).
  virtual Result<ByteCount> usage(const std::string& path) = 0;
  // All allocated bytes below path, shared or not, as of now: what a full copy would take. The same
  // on every driver. Cost: a look at each file (a new instance: 1,000 files, 2 ms).
  Result<ByteCount> allocated(const std::string& path);
  // A bound of the file system's own for the bytes that a path of create_directory() or clone()
  // writes: beyond it writes fail with EDQUOT. 0: none. Returns false where the driver or the
  // kernel has no such bounds.
  virtual Result<bool> limit_own_bytes(const std::string& path, ByteCount bytes);
  Result<os::DiskSpace> space() const;  // as old as usage()
  // The same as of now: also without what was written and has no place on the disk yet.
  virtual Result<os::DiskSpace> room() const;
  // Has the space of what was deleted come back now. Cost: on btrfs a commit of the whole volume,
  // up to seconds under load (to ask for one without waiting blocks for 30 s the second time);
  // nothing elsewhere, where it comes back by itself.
  virtual void free_deleted() {}
  // Makes the volume size_bytes large while it is in use; the host keeps host_reserve().
  // Errors: invalid_request when it has that size already, volume_full, unsupported where the
  // volume is no image of its own. Cost: milliseconds.
  virtual Result<void> grow(ByteCount size_bytes);
  // Whether the volume's file system holds nothing else.
  virtual bool alone() const { return false; }
  // For `howdah doctor`: what is wrong with the volume, a line each. Empty: sound.
  virtual Result<std::vector<std::string>> check() = 0;

  // Unmounts what open_volume() mounted and leaves nothing attached. The volume cannot be used
  // after it. Errors: conflict while anything on it is in use (it stays usable then).
  // The destructor does not close: instances outlive the node agent.
  virtual Result<void> close() = 0;

 protected:
  // An opened root, before a driver takes it.
  struct Parts {
    os::Path root;
    std::string degraded;
    os::UniqueFd root_fd;
    os::UniqueFd staging_fd;
  };
  explicit Volume(Parts parts);
  // Where half-made and half-deleted directories are: inside the volume, emptied at the next open.
  static constexpr const char* kStagingName = ".howdah-staging";
  static std::string staging_name();  // new at each call

  // Deletes a directory by a way of the driver's own. false: there is none, delete its entries.
  virtual Result<bool> remove_directory(int parent_fd, const std::string& name);
  // Called after a deletion on a volume with hardly any room: its space should come back at once.
  virtual void reclaim_space();
  Result<void> remove_leftovers();

  int root_fd() const { return root_fd_.get(); }
  int staging_fd() const { return staging_fd_.get(); }
  void close_descriptors();
  Result<void> open_descriptors();

 private:
  friend class Opening;
  static Result<Parts> open_root(os::Path root, std::string degraded);
  Result<void> move_and_delete(const tree::Place& place);
  Result<void> delete_entry(int parent_fd, const std::string& name);

  os::Path root_;
  std::string degraded_;
  os::UniqueFd root_fd_;
  os::UniqueFd staging_fd_;
};

// automatic: what the data folder already uses; for a new one the first that works of: subvolumes
// where the folder is on btrfs, reflink where its file system can, as root btrfs in an image, copy.
enum class Driver { automatic, btrfs, reflink, copy };
Result<Driver> parse_driver(std::string_view name);  // "auto", or as Volume::driver()

struct VolumeOptions {
  os::Path data_dir;  // exists; the volume is data_dir/volume, its image data_dir/volume.img
  Driver driver = Driver::automatic;
  ByteCount image_size_bytes = 0;  // of a new image; 0: by the rule of image_size()
};

// Opens the volume of a data folder, making it first where there is none; what a crash left behind
// is put right. A mount that is still there from an earlier node agent is used as it is.
// Errors: config_invalid (another driver than the folder's own), data_folder_unusable, volume_full
// (no room for the size that was asked for), unsupported (the driver asked for cannot be had).
// Cost: the first time about 0.3 s; later a few milliseconds, plus what was left to delete.
Result<std::unique_ptr<Volume>> open_volume(const VolumeOptions& options);

// For a copy that leaves the volume, beside the agent that owns it. root: of a volume that is open.
// A copy of a live directory as of one moment, in the staging directory: drop_frozen() takes it
// away, or else the next open_volume(). Errors: unsupported where the driver has no snapshots;
// not_found, volume_full.
Result<os::Path> freeze_directory(const os::Path& root, const std::string& path);
Result<void> drop_frozen(const os::Path& frozen);
// Copies what is in source, which nobody writes, into the empty directory destination: regular
// files, directories and links with modes and, as root, owners. Everything is synced.
// Errors: volume_full when the destination's disk is full.
Result<void> copy_out(const os::Path& source, const os::Path& destination);
// Allocated bytes of everything below a directory.
Result<ByteCount> bytes_below(const os::Path& directory);

// The size of a new image on a host file system: 40 % of what is free, at most 200 GiB, leaving the
// host at least 4 GiB and 20 % of its size. Less than 2 GiB: 0, there is no room for one.
ByteCount image_size(const os::DiskSpace& host);
// What of a host's file system an image leaves free: 4 GiB, or 20 % of its size.
ByteCount host_reserve(const os::DiskSpace& host);

}  // namespace howdah::volume
