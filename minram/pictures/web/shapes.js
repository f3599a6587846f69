"use strict";
// What pictures are made of; colours come as arguments, so that a caller says their roles.

// Numbers to pixels and back.
page.axis = (low, high, from, to) => ({
  to: (v) => from + ((v - low) / (high - low)) * (to - from),
  back: (p) => low + ((p - from) / (to - from)) * (high - low),
});

page.line = (draw, points, colour, width = 2, dash = []) => {
  draw.beginPath();
  points.forEach(([x, y], i) => (i ? draw.lineTo(x, y) : draw.moveTo(x, y)));
  draw.strokeStyle = colour;
  draw.lineWidth = width;
  draw.setLineDash(dash);
  draw.stroke();
  draw.setLineDash([]);
};

page.text = (draw, text, x, y, colour, align = "left") => {
  draw.fillStyle = colour;
  draw.textAlign = align;
  draw.fillText(text, x, y);
};

// An arrow along a line of height y; below 3 pixels there is no head.
page.arrow = (draw, from, to, y, colour, width = 2) => {
  page.line(
    draw,
    [
      [from, y],
      [to, y],
    ],
    colour,
    width,
  );
  const way = Math.sign(to - from);
  if (Math.abs(to - from) < 3) return;
  page.line(
    draw,
    [
      [to - 4 * way, y - 3],
      [to, y],
      [to - 4 * way, y + 3],
    ],
    colour,
    width,
  );
};

page.legend = (draw, text, x, y, colour, width, dash = []) => {
  page.line(
    draw,
    [
      [x, y],
      [x + 24, y],
    ],
    colour,
    width,
    dash,
  );
  page.text(draw, text, x + 30, y + 4, page.colour("text"));
};

page.disc = (draw, x, y, radius, colour, full) => {
  draw.beginPath();
  draw.arc(x, y, radius, 0, 2 * Math.PI);
  draw.fillStyle = full ? colour : page.colour("panel");
  draw.fill();
  draw.strokeStyle = colour;
  draw.lineWidth = 1.5;
  draw.stroke();
};

page.polygon = (draw, points, colour) => {
  draw.beginPath();
  points.forEach((p, i) => (i ? draw.lineTo(...p) : draw.moveTo(...p)));
  draw.fillStyle = colour;
  draw.fill();
};

page.diamond = (draw, x, y, size, colour, name) => {
  page.polygon(
    draw,
    [
      [x - size, y],
      [x, y - size],
      [x + size, y],
      [x, y + size],
    ],
    colour,
  );
  page.text(draw, name, x + size + 3, y + 4, page.colour("text"));
};

page.triangle = (draw, x, y, colour) => {
  page.polygon(
    draw,
    [
      [x - 7, y + 6],
      [x, y - 7],
      [x + 7, y + 6],
    ],
    colour,
  );
};
