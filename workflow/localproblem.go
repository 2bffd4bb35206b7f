package workflow

import (
	"errors"
	"io/fs"
	"syscall"

	"dpslab/profiles"
)

// localProblem is what goes wrong with a file or folder of this machine, and
// what to do about it. A file of ours that cannot be read tells that itself.
func localProblem(op string, err error) *Problem {
	p := &Problem{Kind: LocalFile, Op: op, Summary: err.Error(), Fix: fileFix(err)}
	if at, ok := errors.AsType[*profiles.Error](err); ok {
		p.Fix, p.Detail = at.Fix, at.Snippet
		bare := *at
		bare.Fix = ""
		p.Summary = bare.Error()
	}
	return p
}

// fileFix is the next step for what an operating system says about a file.
func fileFix(err error) string {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return "Make yourself its owner, with the right to read and write it and its folder, then try again; dpslab paths lists the folders."
	case errors.Is(err, syscall.EROFS):
		return "That disk takes no writing: keep everything in a folder elsewhere, dpslab --home DIR."
	case errors.Is(err, syscall.ENOSPC):
		return "The disk is full: make room on it, then try again."
	case errors.Is(err, fs.ErrNotExist):
		return "Put the file back, or correct its name, then try again."
	}
	return "Look at the file and its folder (dpslab paths lists them), then try again."
}
