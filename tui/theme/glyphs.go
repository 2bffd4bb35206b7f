package theme

// Glyphs are the characters a screen is made of. Each is one cell wide (Ellipsis
// may be more in ASCII), in terminals that measure by grapheme and in those that
// measure by code point; none has an emoji form that a terminal might prefer.
type Glyphs struct {
	Done, Failed, Running, Waiting, Skipped, Stopped string // states of a step

	Marker  string // the selected row
	Bullet  string // the focused title
	On, Off string // the chosen one of a set
	Dot     string // between two facts
	Live    string // something serves
	Warning string
	Caret   string // the text cursor where nothing can be drawn in reverse
	Mask    string // one typed character of a secret

	H, V, TopLeft, TopRight, BottomLeft, BottomRight, Cross string // boxes and lanes
	TeeLeft                                                 string // axis tick
	ArrowRight, ArrowLeft, Up, Down, Next                   string
	Full, Empty                                             string // progress bar
	Ellipsis                                                string
	Spinner                                                 []string
}

var unicodeGlyphs = Glyphs{
	Done: "✓", Failed: "✗", Running: "►", Waiting: "○", Skipped: "-", Stopped: "■",
	Marker: ">", Bullet: "•", On: "●", Off: "○", Dot: "·", Live: "●", Warning: "!", Caret: "│", Mask: "•",
	H: "─", V: "│", TopLeft: "╭", TopRight: "╮", BottomLeft: "╰", BottomRight: "╯", Cross: "┼", TeeLeft: "┤",
	ArrowRight: ">", ArrowLeft: "<", Up: "↑", Down: "↓", Next: "›",
	Full: "█", Empty: "░", Ellipsis: "…",
	Spinner: []string{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"},
}

var asciiGlyphs = Glyphs{
	Done: "+", Failed: "x", Running: ">", Waiting: ".", Skipped: "-", Stopped: "#",
	Marker: ">", Bullet: "*", On: "*", Off: "o", Dot: "-", Live: "*", Warning: "!", Caret: "|", Mask: "*",
	H: "-", V: "|", TopLeft: "+", TopRight: "+", BottomLeft: "+", BottomRight: "+", Cross: "+", TeeLeft: "+",
	ArrowRight: ">", ArrowLeft: "<", Up: "^", Down: "v", Next: ">",
	Full: "#", Empty: ".", Ellipsis: "...",
	Spinner: []string{"|", "/", "-", "\\"},
}
