/** The one table of colours and sizes; CSS reads it as `--lh-palette-…`. */

import { createTheme } from "@mui/material/styles"

const light = {
  background: "#F4F5F7",
  paper: "#FFFFFF",
  text: "#161B22",
  text2: "#525C6B",
  divider: "#DFE3E8",
  primary: "#1B4F8F",
  onPrimary: "#FFFFFF",
  tone: {
    delivered: "#1A7A55",
    deliveredBar: "#9DB8AE",
    retrying: "#9A5B00",
    failed: "#B3261E",
    dead: "#7B2457",
    queued: "#4A5B73",
    rail: "#12202F",
    railText: "#C6D0DC",
    hover: "#EDF0F4",
    selected: "#E3EAF4",
    field: "#B9C1CC",
    well: "#F4F5F7",
  },
}

const dark: typeof light = {
  background: "#0E141B",
  paper: "#161E27",
  text: "#E6EBF1",
  text2: "#9AA7B6",
  divider: "#2A3542",
  primary: "#8DB8F2",
  onPrimary: "#0B1A2C",
  tone: {
    delivered: "#5CC99A",
    deliveredBar: "#3F5F58",
    retrying: "#E9AE4E",
    failed: "#FF8A80",
    dead: "#E39AC6",
    queued: "#9FB0C6",
    rail: "#0A0F15",
    railText: "#B4C0CD",
    hover: "#1D2732",
    selected: "#22303F",
    field: "#465466",
    well: "#0E141B",
  },
}

declare module "@mui/material/styles" {
  interface Palette {
    tone: typeof light.tone
  }
  interface PaletteOptions {
    tone?: typeof light.tone
  }
}

function palette(table: typeof light) {
  return {
    primary: { main: table.primary, contrastText: table.onPrimary },
    error: { main: table.tone.failed },
    warning: { main: table.tone.retrying },
    success: { main: table.tone.delivered },
    background: { default: table.background, paper: table.paper },
    text: { primary: table.text, secondary: table.text2 },
    divider: table.divider,
    tone: table.tone,
  }
}

export const theme = createTheme({
  cssVariables: { cssVarPrefix: "lh", colorSchemeSelector: '[data-theme="%s"]' },
  colorSchemes: { light: { palette: palette(light) }, dark: { palette: palette(dark) } },
  shape: { borderRadius: 6 },
  // No shadow anywhere: panels are told apart by a line.
  shadows: Array(25).fill("none") as never,
  breakpoints: { values: { xs: 0, sm: 600, md: 900, lg: 1200, xl: 1680 } },
  typography: {
    fontFamily: '"Inter Variable", system-ui, sans-serif',
    fontSize: 13,
    htmlFontSize: 16,
    body1: { fontSize: 13, lineHeight: 1.5 },
    body2: { fontSize: 13, lineHeight: 1.5 },
    caption: { fontSize: 12 },
    button: { fontSize: 12.5, fontWeight: 600, textTransform: "none" },
  },
  components: {
    MuiButtonBase: { defaultProps: { disableRipple: true } },
    MuiButton: {
      defaultProps: { disableElevation: true, size: "small", variant: "outlined" },
      styleOverrides: { root: { minHeight: 32, padding: "4px 10px", whiteSpace: "nowrap", lineHeight: 1.4 } },
    },
    MuiTextField: { defaultProps: { size: "small", fullWidth: true, variant: "outlined" } },
    MuiInputBase: { styleOverrides: { root: { fontSize: 13 } } },
    MuiOutlinedInput: {
      styleOverrides: {
        input: { padding: "6.5px 12px", height: "1.46em" },
        notchedOutline: { borderColor: "var(--lh-palette-tone-field)" },
      },
    },
    MuiDialog: {
      styleOverrides: { paper: { border: "1px solid var(--lh-palette-divider)", backgroundImage: "none" } },
    },
    MuiDrawer: { styleOverrides: { paper: { backgroundImage: "none" } } },
    MuiDialogTitle: { styleOverrides: { root: { fontSize: 16, fontWeight: 620, padding: "20px 24px 8px" } } },
    MuiDialogActions: { styleOverrides: { root: { padding: "12px 24px 20px", flexWrap: "wrap", rowGap: 8 } } },
    MuiMenu: {
      styleOverrides: { paper: { border: "1px solid var(--lh-palette-divider)", backgroundImage: "none" } },
    },
    MuiMenuItem: { styleOverrides: { root: { fontSize: 13, minHeight: 34 } } },
    MuiTab: { styleOverrides: { root: { minHeight: 40, minWidth: 72, fontSize: 13, fontWeight: 600 } } },
    MuiTabs: { styleOverrides: { root: { minHeight: 40 } } },
    MuiTooltip: {
      defaultProps: { enterDelay: 300 },
      styleOverrides: { tooltip: { fontSize: 12, maxWidth: 420 } },
    },
    MuiSnackbarContent: { styleOverrides: { root: { fontSize: 13 } } },
  },
})
