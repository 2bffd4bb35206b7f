package workflow

// Removal lists what [Session.Remove] deletes. Its errors are *Problem.
func (s *Session) Removal(name string) ([]string, error) {
	paths, err := s.config.Store.Removal(name)
	switch {
	case err != nil:
		return nil, localProblem("remove "+name, err)
	case len(paths) == 0:
		return nil, noProfile("remove "+name, name)
	}
	return paths, nil
}
