package workflow

// ReadOnly says whether this session refuses everything that writes.
func (s *Session) ReadOnly() bool { return s.config.ReadOnly }

// mayWrite is asked first by every method that changes a profile, a file of a
// device, the lab or a service. A run counts as a whole: each of its steps may
// write.
func (s *Session) mayWrite(op string) error {
	if !s.config.ReadOnly {
		return nil
	}
	return &Problem{Kind: Usage, Op: op, Summary: "this session is read-only", Fix: "Start it again without --read-only."}
}
