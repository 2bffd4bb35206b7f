package tui

import (
	"flag"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/vt"
	"golang.org/x/image/font"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"

	"dpslab/tui/theme"
)

var shots = flag.String("shots", "", "draw every scene as a PNG into this folder")

// fontFile is where Debian's fonts-dejavu-core puts a font that has every glyph
// we use.
const fontFile = "/usr/share/fonts/truetype/dejavu/DejaVuSansMono"

// TestShots draws every scene for a human look; it checks nothing.
func TestShots(t *testing.T) {
	if *shots == "" {
		t.Skip("run with -shots DIR")
	}
	if err := os.MkdirAll(*shots, 0o755); err != nil {
		t.Fatal(err)
	}
	ink := newPainter(t)
	for _, size := range [][2]int{{80, 24}, {120, 40}} {
		for _, s := range scenes() {
			w, h := size[0], size[1]
			name := filepath.Join(*shots, s.name+"-"+strconv.Itoa(w)+"x"+strconv.Itoa(h)+".png")
			if err := ink.save(name, onScreen(show(t, s, theme.Options{}, w, h).View(), w, h), w, h); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// onScreen lets a terminal show a frame.
func onScreen(frame string, w, h int) *vt.Emulator {
	scr := vt.NewEmulator(w, h)
	_, _ = scr.WriteString(strings.ReplaceAll(frame, "\n", "\r\n"))
	return scr
}

// painter draws cells with one font.
type painter struct {
	regular, bold font.Face
	cw, ch, base  int
}

func newPainter(t *testing.T) *painter {
	p := &painter{regular: fontFace(t, fontFile+".ttf"), bold: fontFace(t, fontFile+"-Bold.ttf")}
	advance, _ := p.regular.GlyphAdvance('0')
	m := p.regular.Metrics()
	p.cw, p.base = advance.Round(), m.Ascent.Ceil()
	p.ch = (m.Ascent + m.Descent).Ceil()
	return p
}

func fontFace(t *testing.T, path string) font.Face {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := opentype.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: 11, DPI: 96, Hinting: font.HintingFull})
	if err != nil {
		t.Fatal(err)
	}
	return face
}

func (p *painter) save(name string, scr *vt.Emulator, w, h int) error {
	img := image.NewRGBA(image.Rect(0, 0, w*p.cw, h*p.ch))
	paper := color.RGBA{0x16, 0x18, 0x1d, 0xff}
	draw.Draw(img, img.Bounds(), image.NewUniform(paper), image.Point{}, draw.Src)
	for y := range h {
		for x := range w {
			if c := scr.CellAt(x, y); c != nil {
				p.cell(img, c, x*p.cw, y*p.ch, paper)
			}
		}
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	if err := png.Encode(f, img); err != nil {
		return err
	}
	return f.Close()
}

func (p *painter) cell(img *image.RGBA, c *uv.Cell, x, y int, paper color.Color) {
	var fg color.Color = color.RGBA{0xd8, 0xda, 0xdf, 0xff}
	if c.Style.Fg != nil {
		fg = c.Style.Fg
	}
	bg := paper
	if c.Style.Bg != nil {
		bg = c.Style.Bg
	}
	if c.Style.Attrs&uv.AttrFaint != 0 {
		r, g, b, _ := fg.RGBA()
		fg = color.RGBA{uint8(r >> 8 * 5 / 9), uint8(g >> 8 * 5 / 9), uint8(b >> 8 * 5 / 9), 0xff}
	}
	if c.Style.Attrs&uv.AttrReverse != 0 {
		fg, bg = bg, fg
	}
	box := image.Rect(x, y, x+max(c.Width, 1)*p.cw, y+p.ch)
	draw.Draw(img, box, image.NewUniform(bg), image.Point{}, draw.Src)
	if r := []rune(c.Content); len(r) == 1 && r[0] >= 0x2800 && r[0] < 0x2900 {
		p.braille(img, r[0]-0x2800, box, fg)
		return
	}
	face := p.regular
	if c.Style.Attrs&uv.AttrBold != 0 {
		face = p.bold
	}
	d := font.Drawer{Dst: img, Src: image.NewUniform(fg), Face: face, Dot: fixed.P(x, y+p.base)}
	d.DrawString(c.Content)
}

// braille draws the dots of a cell, which the font lacks: bits 0 to 5 go down
// the two columns of three, bits 6 and 7 are the fourth row.
func (p *painter) braille(img *image.RGBA, bits rune, box image.Rectangle, fg color.Color) {
	for bit := range 8 {
		if bits>>bit&1 == 0 {
			continue
		}
		col, row := bit/3, bit%3
		if bit >= 6 {
			col, row = bit-6, 3
		}
		at := image.Pt(box.Min.X+(2*col+1)*p.cw/4, box.Min.Y+(2*row+1)*p.ch/8)
		dot := image.Rect(at.X-1, at.Y-1, at.X+1, at.Y+1)
		draw.Draw(img, dot, image.NewUniform(fg), image.Point{}, draw.Src)
	}
}
