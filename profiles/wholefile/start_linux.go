package wholefile

import (
	"os"
	"syscall"
)

// startWriting is sync_file_range(2) with SYNC_FILE_RANGE_WRITE: it begins to
// write and waits for nothing. A file system that cannot just writes later.
func startWriting(f *os.File) {
	const syncFileRangeWrite = 2
	_ = syscall.SyncFileRange(int(f.Fd()), 0, 0, syncFileRangeWrite)
}
